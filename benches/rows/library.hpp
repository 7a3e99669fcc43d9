// A libctm.so on one of its backends, opened at run time: so two of them can stand in one process and take turns.
#pragma once

#include <ctm.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "common.hpp"

/// Where a library works: "cpu", "vulkan", "auto", the last two with ":" and part of a device's name.
struct Backend {
    std::string name = "cpu", device;
    uint32_t number = CTM_BACKEND_CPU;

    static Backend of(const std::string &text) {
        size_t colon = std::min(text.find(':'), text.size());
        Backend backend{text.substr(0, colon), text.substr(std::min(colon + 1, text.size())), 0};
        if (backend.name == "vulkan") backend.number = CTM_BACKEND_VULKAN;
        else if (backend.name == "auto") backend.number = CTM_BACKEND_AUTO;
        else if (text == "cpu") backend.number = CTM_BACKEND_CPU;
        else fail(text + " is no backend; cpu, vulkan[:DEVICE] or auto[:DEVICE] is expected");
        return backend;
    }

    std::string text() const { return device.empty() ? name : name + ":" + device; }
};

struct Library {
    std::string path;
    Backend backend;
    std::string choice; // what AUTO has said last of where it works
    bool is_judge = true; // its results are compared with a plain count; those of others, which takes less time, with its
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
    decltype(&ctm_regions_create) regions_create; // NULL in libraries that are older than it
    decltype(&ctm_regions_destroy) regions_destroy;
    decltype(&ctm_regions_add) regions_add;

    explicit Library(const std::string &file, Backend on = {}) : path(file), backend(std::move(on)) {
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
        find(regions_create, "ctm_regions_create", true);
        find(regions_destroy, "ctm_regions_destroy", true);
        find(regions_add, "ctm_regions_add", true);
    }

    /// A context with so many threads; 0: one a processor.
    ctm_context *context(uint32_t threads) {
        auto &context = contexts.at(threads);
        if (!context) {
            ctm_options options = CTM_OPTIONS_INIT;
            options.backend = backend.number;
            options.max_threads = threads;
            options.device_name = backend.device.empty() ? nullptr : backend.device.c_str();
            if (backend.number == CTM_BACKEND_AUTO) {
                options.log = &Library::hear;
                options.log_user = this;
                options.log_level = CTM_LOG_INFO;
            }
            expect(create(&options, &context), nullptr);
        }
        return context;
    }

    void expect(ctm_status status, ctm_context *context) {
        if (status != CTM_OK)
            fail(path + " on " + backend.text() + ": " + std::to_string(status) + ": " + last_error(context));
    }

private:
    void *handle;
    std::array<ctm_context *, 2> contexts{};

    static void hear(void *user, uint32_t, const char *message) {
        const std::string start = "auto: ";
        std::string text = message;
        if (text.compare(0, start.size(), start) == 0) static_cast<Library *>(user)->choice = text.substr(start.size());
    }

    template <class Function> void find(Function &function, const char *name, bool optional = false) {
        function = reinterpret_cast<Function>(dlsym(handle, name));
        if (!function && !optional) fail(path + " has no " + name);
    }
};
