// A damaged HDF5 file can crash or hang the HDF5 library itself. So before a file is opened here, a forked child walks
// through everything that is not plain numbers; only a file that the child survives is opened. The child is a copy of this
// process, so the library does in it what it would do here.

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <fstream>

#include "core/io/internal/hdf5_handle.h"

namespace erwin::h5 {

namespace fs = std::filesystem;

namespace {

constexpr rlim_t extra_memory = rlim_t{2} << 30;
constexpr int max_cpu_seconds = 5, max_wall_seconds = 60;

// Files that went well, by identity; opening one again (detect, names, read) costs nothing.
struct Identity {
  dev_t device;
  ino_t inode;
  off_t size;
  std::int64_t changed;
  bool operator==(const Identity&) const = default;
};

Identity identity_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    throw Error(ErrorKind::Io, "cannot open the file", std::strerror(errno), "Check the path and its rights");
  const std::int64_t changed = std::int64_t{status.st_ctim.tv_sec} * 1000000000 + status.st_ctim.tv_nsec;
  return {status.st_dev, status.st_ino, status.st_size, changed};
}

std::deque<Identity>& vetted() {
  static std::deque<Identity> list;
  return list;
}

// The chunk index of an array, and its numbers where a filter may be led astray by its settings.
void walk_array(const File::Impl& file, const File& reader, const std::string& path) {
  const DatasetInfo info = reader.info(path);
  if (!is_number(info.type)) {
    reader.read_text(path);
    return;
  }
  const Id dataset = file.open_dataset(path);
  const Id creation(H5Dget_create_plist(dataset));
  if (H5Pget_layout(creation) != H5D_CHUNKED) return;
  const Id space(H5Dget_space(dataset));
  hsize_t chunks = 0;
  H5Dget_num_chunks(dataset, space, &chunks);
  std::vector<hsize_t> offset(info.shape.size() + 1);
  unsigned mask = 0;
  haddr_t address = 0;
  hsize_t size = 0;
  // The first visit reads the whole index; the library walks it from the start for every number.
  if (chunks > 0) H5Dget_chunk_info(dataset, space, chunks - 1, offset.data(), &mask, &address, &size);
  bool plain = true;
  for (int i = 0; i < H5Pget_nfilters(creation); ++i) {
    unsigned flags = 0, settings = 0;
    std::size_t values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, &settings);
    plain &= filter == H5Z_FILTER_DEFLATE || filter == H5Z_FILTER_SHUFFLE || filter == H5Z_FILTER_FLETCHER32;
  }
  if (!plain) reader.read_doubles(path);
}

void walk_attributes(const File& reader, const std::string& path) {
  for (const std::string& name : reader.attribute_names(path)) {
    reader.text_attribute(path, name);
    reader.doubles_attribute(path, name);
  }
}

void walk_group(const File::Impl& file, const File& reader, const std::string& group, int depth) {
  walk_attributes(reader, group);
  for (const Entry& entry : reader.children(group)) {
    // What raises an Error here raises it again where it is asked for; only survival counts.
    try {
      if (entry.kind == Kind::Group && depth < 16) walk_group(file, reader, entry.path, depth + 1);
      if (entry.kind != Kind::Dataset) continue;
      walk_attributes(reader, entry.path);
      walk_array(file, reader, entry.path);
    } catch (const Error&) {
    }
  }
}

void limit(decltype(RLIMIT_AS) what, rlim_t value) {
  const rlimit both{value, value};
  ::setrlimit(what, &both);
}

rlim_t address_space() {
  std::ifstream in("/proc/self/statm");
  rlim_t pages = 0;
  in >> pages;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

[[noreturn]] void run_child(const fs::path& path) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGTERM, SIGINT}) std::signal(signal, SIG_DFL);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, max_cpu_seconds);
  limit(RLIMIT_AS, address_space() + extra_memory);
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, STDERR_FILENO);
  try {
    const File reader = File::open_unvetted(path);
    walk_group(reader.impl(), reader, "/", 0);
  } catch (...) {
  }
  ::_exit(0);
}

// Waits for the child while looking at the job; returns its exit status.
int wait_for(pid_t child, int pipe_end, const Job& job) {
  const auto start = std::chrono::steady_clock::now();
  pollfd end{pipe_end, POLLIN, 0};
  bool stopped = false, slow = false;
  while (::poll(&end, 1, 20) <= 0) {
    stopped = job.stop_requested();
    slow = std::chrono::steady_clock::now() - start > std::chrono::seconds(max_wall_seconds);
    if (stopped || slow) break;
  }
  if (stopped || slow) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  job.check();
  return status;
}

}  // namespace

void vet(const fs::path& path, const Job& job) {
  const Lock lock;
  const Identity identity = identity_of(path);
  auto& list = vetted();
  for (const Identity& known : list)
    if (known == identity) return;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw Error(ErrorKind::Io, "cannot start the check of an HDF5 file", std::strerror(errno));
  const pid_t child = ::fork();
  if (child == 0) run_child(path);
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    throw Error(ErrorKind::Memory, "cannot start the check of an HDF5 file", std::strerror(errno));
  }
  int status = 0;
  try {
    status = wait_for(child, ends[0], job);
  } catch (...) {
    ::close(ends[0]);
    throw;
  }
  ::close(ends[0]);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw Error(ErrorKind::Format, "the HDF5 file is damaged",
                WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)
                    ? "a trial reading did not come to an end"
                    : "a trial reading crashed the HDF5 library",
                "Copy the file again, or write it anew with the program that made it");
  list.push_back(identity);
  if (list.size() > 256) list.pop_front();
}

}  // namespace erwin::h5
