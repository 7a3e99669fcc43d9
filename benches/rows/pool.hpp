// Threads that wait for work: starting new ones for each image would be dearer than a small image.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "common.hpp"

class Pool {
public:
    explicit Pool(unsigned threads) : count_(threads) {
        for (unsigned t = 1; t < count_; t++) std::thread([this, t] { serve(t); }).detach();
    }

    unsigned count() const { return count_; }

    /// Calls `each(0)` to `each(count() - 1)`, each on a thread of its own.
    void run(std::function<void(unsigned)> each) {
        {
            std::lock_guard lock(mutex);
            work = std::move(each);
            left = count_ - 1;
            round++;
        }
        start.notify_all();
        work(0);
        std::unique_lock lock(mutex);
        done.wait(lock, [&] { return left == 0; });
    }

private:
    unsigned count_, round = 0, left = 0;
    std::mutex mutex;
    std::condition_variable start, done;
    std::function<void(unsigned)> work;

    [[noreturn]] void serve(unsigned thread) {
        for (unsigned seen = 0;;) {
            std::unique_lock lock(mutex);
            start.wait(lock, [&] { return round != seen; });
            seen = round;
            lock.unlock();
            work(thread);
            lock.lock();
            if (--left == 0) done.notify_one();
        }
    }
};
