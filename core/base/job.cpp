#include "core/base/job.h"

#include <utility>

#include "core/base/error.h"

namespace erwin {

Job::Job(std::stop_token stop, Report report) : stop_(std::move(stop)), report_(std::move(report)) {}

void Job::check() const {
  if (stop_.stop_requested()) throw Error(ErrorKind::Cancelled, "cancelled");
}

void Job::progress(double fraction, std::string_view what) const {
  if (report_) report_(fraction, what);
}

}  // namespace erwin
