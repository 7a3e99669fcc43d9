# CPack gives a package with libraries a postinst and a postrm that call ldconfig, and a postrm stays when the package is
# removed. Debian's own packages have a trigger in their place, which leaves nothing: so has this one.
foreach(package IN LISTS CPACK_PACKAGE_FILES)
    set(unpacked "${package}.unpacked")
    file(REMOVE_RECURSE "${unpacked}")
    execute_process(COMMAND dpkg-deb --raw-extract "${package}" "${unpacked}" COMMAND_ERROR_IS_FATAL ANY)
    file(REMOVE "${unpacked}/DEBIAN/postinst" "${unpacked}/DEBIAN/postrm")
    file(WRITE "${unpacked}/DEBIAN/triggers" "activate-noawait ldconfig\n")
    execute_process(COMMAND dpkg-deb -Zxz --root-owner-group --build "${unpacked}" "${package}" COMMAND_ERROR_IS_FATAL ANY)
    file(REMOVE_RECURSE "${unpacked}")
endforeach()
