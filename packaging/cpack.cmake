# The Debian package: packaging/deb. What it depends on is read from the libraries and programs in it.
if(CTM_DEBIAN AND CMAKE_VERSION VERSION_LESS 3.19)
    message(FATAL_ERROR "CMake is ${CMAKE_VERSION}; the Debian package needs 3.19") # For CPACK_POST_BUILD_SCRIPTS.
endif()
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The ctm authors")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_POST_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/without-scripts.cmake")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS libvulkan1) # Opened at run time: without it the CPU does the work.
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"A colour map is an image in which every region has one flat colour: an ID pass
from a renderer, a segmentation map. ctm counts the exact colours, takes the
most frequent, and writes one binary mask for each.

This package has the C and C++ library for programs, and the tool ctm.")
include(CPack)
