// A libctm.so, opened at run time: so two of them can stand in one process and take turns.
#pragma once

#include <ctm.h>
#include <dlfcn.h>

#include <array>
#include <type_traits>

#include "common.hpp"

struct Library {
    std::string path;
    decltype(&ctm_create) create;
    decltype(&ctm_analyze) analyze;
    decltype(&ctm_last_error) last_error;
    decltype(&ctm_buffer_alloc) buffer_alloc; // NULL in libraries that are older than it
    decltype(&ctm_buffer_free) buffer_free;
    decltype(&ctm_counts_create) counts_create;
    decltype(&ctm_counts_destroy) counts_destroy;
    decltype(&ctm_counts_add) counts_add;
    decltype(&ctm_counts_merge) counts_merge;
    decltype(&ctm_counts_export) counts_export;
    decltype(&ctm_counts_import) counts_import;

    explicit Library(const std::string &file) : path(file) {
        handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (!handle) fail(dlerror());
        find(create, "ctm_create");
        find(analyze, "ctm_analyze");
        find(last_error, "ctm_last_error");
        find(buffer_alloc, "ctm_buffer_alloc", true);
        find(buffer_free, "ctm_buffer_free", true);
        find(counts_create, "ctm_counts_create");
        find(counts_destroy, "ctm_counts_destroy");
        find(counts_add, "ctm_counts_add");
        find(counts_merge, "ctm_counts_merge");
        find(counts_export, "ctm_counts_export");
        find(counts_import, "ctm_counts_import");
    }

    /// A context on the CPU with so many threads; 0: one a processor.
    ctm_context *context(uint32_t threads) {
        auto &context = contexts.at(threads);
        if (!context) {
            ctm_options options = CTM_OPTIONS_INIT;
            options.backend = CTM_BACKEND_CPU;
            options.max_threads = threads;
            expect(create(&options, &context), nullptr);
        }
        return context;
    }

    void expect(ctm_status status, ctm_context *context) {
        if (status != CTM_OK) fail(path + ": " + std::to_string(status) + ": " + last_error(context));
    }

private:
    void *handle;
    std::array<ctm_context *, 2> contexts{};

    template <class Function> void find(Function &function, const char *name, bool optional = false) {
        function = reinterpret_cast<Function>(dlsym(handle, name));
        if (!function && !optional) fail(path + " has no " + name);
    }
};
