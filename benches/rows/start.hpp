// How long a host waits at its start: opening the library, a context, and the first call against those that follow.
#pragma once

#include <unistd.h>

#include "call.hpp"
#include "measure.hpp"

struct Start {
    double open = 0, first = 0, warm = 0; // ms
};

/// In a process that has done nothing else.
inline Start start_here(const std::string &library_path, const Backend &backend) {
    Call call = with_masks(bytes_of("flat-16"));
    ctm_outputs outputs = outputs_of(call); // pages that have been written to
    Start start;
    double begin = wall_ms();
    Library library(library_path, backend);
    library.context(0);
    double opened = wall_ms();
    run(library, call, outputs);
    double done = wall_ms();
    start.open = opened - begin;
    start.first = done - opened;
    std::vector<double> warm;
    for (int i = 0; i < 15; i++) {
        begin = wall_ms();
        run(library, call, outputs);
        warm.push_back(wall_ms() - begin);
    }
    start.warm = time_of(warm).median;
    return start;
}

/// Runs this program anew with `--start LIBRARY`.
inline Start start_apart(const Library &library) {
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) fail("/proc/self/exe cannot be read");
    std::string command = "'" + std::string(program, size_t(length)) + "' --on '" + library.backend.text() + "' --start '" +
                          library.path + "'";
    FILE *output = popen(command.c_str(), "r");
    Start start;
    if (!output || std::fscanf(output, "%lf %lf %lf", &start.open, &start.first, &start.warm) != 3 || pclose(output))
        fail(command + " failed");
    return start;
}

inline Job start_job(double Start::*part) {
    return {[](Library &) { return 0; }, [part](Library &library) { return start_apart(library).*part; }};
}
