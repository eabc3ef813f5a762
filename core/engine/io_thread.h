#pragma once
// The one thread of the window that reads files: clouds become snapshots, checkpoints go on to the engine.

#include <functional>
#include <memory>
#include <string>

#include "core/base/job.h"
#include "core/engine/engine.h"
#include "core/engine/mailbox.h"
#include "core/engine/snapshot.h"

namespace erwin {

class IoThread {
public:
  // `engine` must outlive this.
  explicit IoThread(Engine& engine);
  ~IoThread();  // cancels and joins
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  // A cloud, a data set (folder or manifest; `sample`: which one, empty for the first) or a checkpoint, told apart by
  // content. A cloud replaces the one shown; a checkpoint goes to the engine; an attention record does both, unless a
  // sample is named: then it is a cloud.
  void open(const std::string& path, const std::string& sample = {});
  // A cloud that the shown one is compared with, as `open` would open it. It comes as IoSnapshot::beside.
  void open_beside(const std::string& path, const std::string& sample);
  // A checkpoint that the shown network is compared with.
  void open_other(const std::string& path);
  // The cloud that the program makes itself.
  void open_own_sample();
  // Any other reading, in its turn; what it throws is a failure of the snapshots.
  void read(const std::string& what, std::function<void(const Job&)> task);

  void cancel();
  bool idle() const;
  Mailbox<IoSnapshot>& mailbox();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace erwin
