// Rows, and how their times are taken.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include "library.hpp"

/// At most `limit` times the row `base` of the same run; without a base, at most `limit` ms.
/// A limit of 0 only compares.
struct Goal {
    double limit;
    std::string base;
};

/// What a row does, ready to be done again and again.
struct Job {
    /// Once before the clock runs: fails where the result is wrong, gives what all libraries must agree in.
    std::function<uint64_t(Library &)> check;
    /// Gives its milliseconds.
    std::function<double(Library &)> time;
};

struct Row {
    std::string road; // its number in the table of goals, 0 for what others are compared with
    std::string name;
    std::vector<Goal> goals;
    std::function<Job()> prepare;
};

struct Time {
    double best = 0, median = 0;
};

inline Time time_of(std::vector<double> times) {
    if (times.empty()) return {};
    std::sort(times.begin(), times.end());
    return {times.front(), times[times.size() / 2]};
}

struct Measured {
    std::vector<Time> times;    // of each library
    std::string choice;         // where AUTO has worked, and why
    std::vector<double> ratios; // of the last library to the base of each goal, 0 without one
};

/// Times taken in turns, so that what else the machine does meets all of them alike.
class Turns {
public:
    Turns(std::vector<std::pair<const Job *, Library *>> of) : jobs(std::move(of)), times(jobs.size()), repeats(jobs.size(), 1) {
        for (size_t i = 0; i < jobs.size(); i++) { // warms up, too
            double once = jobs[i].first->time(*jobs[i].second);
            if (once > TOO_LONG) times[i].push_back(once);
            else if (once < 0.2) repeats[i] = 20;
        }
    }

    void take(double seconds) {
        double start = wall_ms();
        for (int round = 0; round < 2000 && (round < 3 || wall_ms() - start < seconds * 1e3); round++)
            for (size_t i = 0; i < jobs.size(); i++) {
                if (!times[i].empty() && times[i][0] > TOO_LONG) continue; // once is enough
                double sum = 0;
                for (int repeat = 0; repeat < repeats[i]; repeat++) sum += jobs[i].first->time(*jobs[i].second);
                times[i].push_back(sum / repeats[i]);
            }
    }

    Time operator[](size_t i) const { return time_of(times[i]); }

private:
    static constexpr double TOO_LONG = 2000; // ms
    std::vector<std::pair<const Job *, Library *>> jobs;
    std::vector<std::vector<double>> times;
    std::vector<int> repeats;
};

class Bench {
public:
    Bench(const std::vector<Row> &all, std::vector<std::unique_ptr<Library>> &loaded, double seconds_a_row)
        : rows(all), libraries(loaded), seconds(seconds_a_row) {}

    /// The row takes turns with the rows that it is compared with.
    Measured measure(const Row &row) {
        const Job &job = job_of(row.name);
        std::vector<std::pair<const Job *, Library *>> turns;
        for (auto &library : libraries) turns.push_back({&job, library.get()});
        std::vector<size_t> places;
        for (auto &goal : row.goals) {
            bool ours = !goal.base.empty() && find(goal.base);
            places.push_back(ours ? turns.size() : 0);
            if (ours) turns.push_back({&job_of(goal.base), libraries.back().get()});
        }
        for (auto &library : libraries) library->choice.clear();
        Turns taken(turns);
        taken.take(seconds);
        Measured measured;
        for (size_t i = 0; i < libraries.size(); i++) measured.times.push_back(taken[i]);
        for (auto &library : libraries)
            if (!library->choice.empty()) measured.choice = library->choice;
        for (size_t place : places)
            measured.ratios.push_back(place ? measured.times.back().median / taken[place].median : 0);
        forget(row);
        return measured;
    }

private:
    const std::vector<Row> &rows;
    std::vector<std::unique_ptr<Library>> &libraries;
    double seconds;
    std::map<std::string, Job> ready;

    const Row *find(const std::string &name) const {
        auto found = std::find_if(rows.begin(), rows.end(), [&](auto &row) { return row.name == name; });
        return found == rows.end() ? nullptr : &*found;
    }

    const Job &job_of(const std::string &name) {
        auto [place, is_new] = ready.try_emplace(name);
        if (is_new) {
            place->second = find(name)->prepare();
            uint64_t expected = place->second.check(*libraries[0]);
            for (auto &library : libraries)
                if (library != libraries[0] && place->second.check(*library) != expected)
                    fail(name + ": " + library->path + " on " + library->backend.text() + " gives other outputs");
        }
        return place->second;
    }

    /// Images take memory: only what many rows or the next one may be compared with is kept.
    void forget(const Row &row) {
        auto kept = [&](const std::string &name) {
            bool base = std::any_of(row.goals.begin(), row.goals.end(), [&](auto &goal) { return goal.base == name; });
            return base || name == row.name || name == "flat-16, masks" || name == "noise-16, masks";
        };
        for (auto job = ready.begin(); job != ready.end();) job = kept(job->first) ? std::next(job) : ready.erase(job);
    }
};
