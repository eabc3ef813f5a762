#include "core/engine/io_thread.h"

#include <filesystem>
#include <utility>

#include "core/dataset/dataset.h"
#include "core/engine/cloud_tree.h"
#include "core/engine/publisher.h"
#include "core/engine/sample_cloud.h"
#include "core/engine/worker.h"
#include "core/io/open.h"
#include "core/model/record.h"

namespace erwin {

struct IoThread::Impl {
  explicit Impl(Engine& given) : engine(given) {}
  Engine& engine;
  Publisher<IoSnapshot> publisher;
  Worker worker;  // last: its thread uses the members above

  void open_record(const std::string& path, const Job& job);
  void open_data(const std::string& path, const std::string& sample, const Job& job);
  OpenedCloud read_data(const std::string& path, const std::string& sample, const Job& job) const;
  void publish(OpenedCloud opened, const Job& job);
};

void IoThread::Impl::publish(OpenedCloud opened, const Job& job) {
  job.progress(-1, "building the tree");
  opened.tree = cloud_tree(*opened.cloud, 0, job);
  publisher.update([&](IoSnapshot& s) { s.opened = std::make_shared<const OpenedCloud>(std::move(opened)); });
}

// The engine has it before the window asks for a prediction of its cloud.
void IoThread::Impl::open_record(const std::string& path, const Job& job) {
  AttentionRecord record = load_record(path, job);
  OpenedCloud opened;
  opened.path = path;
  opened.sample = record.sample;
  opened.samples = {record.sample};
  opened.cloud = record.cloud;
  opened.is_record = true;
  if (!record.tap->layers.empty()) opened.first_layer = record.tap->layers.front().layer;
  if (record.cloud->field("target")) opened.target = "target";
  engine.show_record(std::move(record), path);
  publish(std::move(opened), job);
}

void IoThread::Impl::open_data(const std::string& path, const std::string& sample, const Job& job) {
  publish(read_data(path, sample, job), job);
}

OpenedCloud IoThread::Impl::read_data(const std::string& path, const std::string& sample, const Job& job) const {
  const Dataset dataset = Dataset::open(path, {}, job);
  OpenedCloud opened;
  opened.path = path;
  opened.target = dataset.target();
  for (const SampleEntry& entry : dataset.samples()) opened.samples.push_back(entry.name);
  const std::int64_t index = sample.empty() ? 0 : dataset.index_of(sample);
  opened.cloud = dataset.load(index, job);
  opened.sample = opened.samples[static_cast<std::size_t>(index)];
  return opened;
}

IoThread::IoThread(Engine& engine) : impl_(std::make_unique<Impl>(engine)) {}
IoThread::~IoThread() = default;

void IoThread::open(const std::string& path, const std::string& sample) {
  impl_->worker.post([impl = impl_.get(), path, sample](std::stop_token stop) {
    const std::string name = std::filesystem::path(path).filename().string();
    impl->publisher.run("opening " + name, stop, [&](const Job& job) {
      const auto kind = std::filesystem::is_directory(path) ? io::FileKind::Unknown : io::detect(path);
      if (kind == io::FileKind::Checkpoint) {
        impl->engine.load(load_checkpoint(path), path);
      } else if (sample.empty() && is_record(path, kind)) {
        impl->open_record(path, job);
      } else {
        impl->open_data(path, sample, job);
      }
    });
  });
}

void IoThread::open_beside(const std::string& path, const std::string& sample) {
  impl_->worker.post(
      [impl = impl_.get(), path, sample](std::stop_token stop) {
        const std::string name = sample.empty() ? std::filesystem::path(path).filename().string() : sample;
        impl->publisher.run("opening " + name, stop, [&](const Job& job) {
          OpenedCloud opened = impl->read_data(path, sample, job);
          job.progress(-1, "building the tree");
          opened.tree = cloud_tree(*opened.cloud, 0, job);
          impl->publisher.update(
              [&](IoSnapshot& s) { s.beside = std::make_shared<const OpenedCloud>(std::move(opened)); });
        });
      },
      "beside");
}

void IoThread::open_other(const std::string& path) {
  impl_->worker.post([impl = impl_.get(), path](std::stop_token stop) {
    const std::string name = std::filesystem::path(path).filename().string();
    impl->publisher.run("opening " + name, stop,
                        [&](const Job&) { impl->engine.load_other(load_checkpoint(path), path); });
  });
}

void IoThread::open_own_sample() {
  impl_->worker.post([impl = impl_.get()](std::stop_token stop) {
    impl->publisher.run("making a cloud", stop, [&](const Job& job) {
      OpenedCloud opened;
      opened.sample = "made-up car";
      opened.samples = {opened.sample};
      opened.target = "pressure";
      opened.cloud = make_sample_cloud();
      impl->publish(std::move(opened), job);
    });
  });
}

void IoThread::read(const std::string& what, std::function<void(const Job&)> task) {
  impl_->worker.post([impl = impl_.get(), what, task = std::move(task)](std::stop_token stop) {
    impl->publisher.run(what, stop, task);
  });
}

void IoThread::cancel() {
  impl_->worker.cancel();
}
bool IoThread::idle() const {
  return impl_->worker.idle();
}
Mailbox<IoSnapshot>& IoThread::mailbox() {
  return impl_->publisher.mailbox();
}

}  // namespace erwin
