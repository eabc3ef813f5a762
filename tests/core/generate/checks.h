#pragma once
// What every generator is asked: that its errors are the right ones, that threads do not matter, that it stops.

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <thread>

#include "core/base/error.h"
#include "core/base/job.h"
#include "core/dataset/dataset.h"
#include "kernels/parallel/parallel.h"

namespace erwin::generate {

// The kind of the error that `action` must raise.
template <typename Action>
ErrorKind error_kind(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error was raised";
  return ErrorKind::Internal;
}

// `write` leaves a data set with this manifest, the same with one thread and with three.
template <typename Write>
void expect_threads_do_not_matter(const std::filesystem::path& manifest, Write write) {
  const int threads = parallel_threads();
  std::string hashes[2];
  for (const int i : {0, 1}) {
    set_parallel_threads(i == 0 ? 1 : 3);
    write();
    hashes[i] = Dataset::open(manifest).content_hash();
  }
  set_parallel_threads(threads);
  EXPECT_EQ(hashes[0], hashes[1]);
}

// `work(job)` takes longer than a moment and ends within 200 ms of being asked to.
template <typename Work>
void expect_stops_soon(Work work) {
  std::stop_source source;
  std::chrono::steady_clock::time_point asked;
  std::thread impatient([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    asked = std::chrono::steady_clock::now();
    source.request_stop();
  });
  EXPECT_EQ(error_kind([&] { work(Job(source.get_token())); }), ErrorKind::Cancelled);
  const auto stopped = std::chrono::steady_clock::now();
  impatient.join();
  EXPECT_LT(stopped - asked, std::chrono::milliseconds(200));
}

}  // namespace erwin::generate
