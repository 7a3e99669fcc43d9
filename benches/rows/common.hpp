// What all parts need: failing, and clocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

using Bytes = std::vector<uint8_t>;

[[noreturn]] inline void fail(const std::string &what) {
    std::fprintf(stderr, "rows: %s\n", what.c_str());
    std::_Exit(1); // threads may still run
}

/// Measures the processor time of all threads instead of the wall clock: ratios then hold on a loaded machine, too.
inline bool by_cpu_time = false;

inline double wall_ms() {
    auto since = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double, std::milli>(since).count();
}

inline double clock_ms() {
    if (!by_cpu_time) return wall_ms();
    std::timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return double(time.tv_sec) * 1e3 + double(time.tv_nsec) / 1e6;
}
