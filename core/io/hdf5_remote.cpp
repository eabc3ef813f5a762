#include "core/io/internal/hdf5_remote.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>

#include "core/base/memory.h"
#include "core/io/internal/hdf5_handle.h"
#include "core/io/internal/hdf5_serve.h"

namespace erwin::h5 {

namespace {

constexpr std::uint64_t max_packet = std::uint64_t{1} << 30;
constexpr rlim_t extra_memory = rlim_t{4} << 30;
constexpr int max_wall_seconds = 60, max_cpu_seconds = 3;
constexpr int look_milliseconds = 20;
constexpr const char* advice = "Copy the file again, or write it anew with the program that made it";

bool write_all(int file, const void* data, std::size_t bytes) {
  const char* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t done = ::send(file, at, bytes, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    bytes -= static_cast<std::size_t>(done);
  }
  return true;
}

// A packet on the wire: its length, its bytes.
bool send_packet(int file, const std::string& bytes) {
  const std::uint64_t size = bytes.size();
  return write_all(file, &size, sizeof size) && write_all(file, bytes.data(), bytes.size());
}

bool read_all(int file, void* data, std::size_t bytes) {
  char* at = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = ::read(file, at, bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

rlim_t address_space() {
  std::ifstream in("/proc/self/statm");
  rlim_t pages = 0;
  in >> pages;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

// From now on, max_cpu_seconds of computing end the child.
void restart_clock() {
  itimerval timer{};
  timer.it_value.tv_sec = max_cpu_seconds;
  ::setitimer(ITIMER_PROF, &timer, nullptr);
}

void answer(int file, const std::function<Packet()>& work) {
  Packet packet;
  try {
    packet.put('V');
    packet.put(work().bytes());
  } catch (const Error& error) {
    packet = Packet();
    packet.put('E').put(static_cast<int>(error.kind())).put(error.message()).put(error.detail()).put(error.hint());
  } catch (const std::exception& error) {
    packet = Packet();
    packet.put('E')
        .put(static_cast<int>(ErrorKind::Memory))
        .put(std::string("the HDF5 file cannot be read"))
        .put(std::string(error.what()))
        .put(std::string());
  }
  if (!send_packet(file, packet.bytes())) ::_exit(0);
}

[[noreturn]] void serve(const std::filesystem::path& path, int file) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGPROF}) std::signal(signal, SIG_DFL);
  for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, SIG_IGN);
  const rlimit no_core{0, 0}, memory{address_space() + extra_memory, address_space() + extra_memory};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::setrlimit(RLIMIT_AS, &memory);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  ::dup2(nowhere, STDERR_FILENO);
  restart_clock();
  std::optional<File> opened;
  answer(file, [&] {
    opened = File::open_here(path);
    return Packet();
  });
  std::uint64_t size = 0;
  while (opened && read_all(file, &size, sizeof size) && size < max_packet) {
    std::string bytes(size, '\0');
    if (!read_all(file, bytes.data(), size)) break;
    restart_clock();
    Packet request(std::move(bytes));
    answer(file, [&] {
      return serve_question(*opened, request, [&](const void* data, std::size_t count) {
        restart_clock();
        Packet piece;
        piece.put('N').put(std::string(static_cast<const char*>(data), count));
        if (!send_packet(file, piece.bytes())) ::_exit(0);
      });
    });
  }
  ::_exit(0);
}

}  // namespace

std::string Packet::take_bytes(std::uint64_t count) {
  if (count > bytes_.size() - at_)
    throw Error(ErrorKind::Format, "the HDF5 file is damaged", "its reader answered nonsense", advice);
  std::string bytes = bytes_.substr(at_, count);
  at_ += count;
  return bytes;
}

Remote::Remote(const std::filesystem::path& path, const Job& job) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw Error(ErrorKind::Io, "cannot start the reader of HDF5 files", std::strerror(errno));
  {
    // No other thread is inside the library while it is copied.
    const Lock lock;
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[0]);
      serve(path, ends[1]);
    }
  }
  ::close(ends[1]);
  socket_ = ends[0];
  if (child_ < 0) {
    ::close(socket_);
    throw Error(ErrorKind::Memory, "cannot start the reader of HDF5 files", std::strerror(errno));
  }
  try {
    receive(job);
  } catch (...) {
    end();
    throw;
  }
}

Remote::~Remote() {
  end();
}

void Remote::end() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  if (child_ <= 0) return;
  ::kill(child_, SIGKILL);
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
}

void Remote::broken(const char* what) {
  end();
  throw Error(ErrorKind::Format, "the HDF5 file is damaged", what, advice);
}

void Remote::read_exactly(char* to, std::size_t bytes, const Job& job) {
  const auto start = std::chrono::steady_clock::now();
  while (bytes > 0) {
    pollfd end_of_socket{socket_, POLLIN, 0};
    if (::poll(&end_of_socket, 1, look_milliseconds) <= 0) {
      if (job.stop_requested()) end();
      job.check();
      if (std::chrono::steady_clock::now() - start > std::chrono::seconds(max_wall_seconds))
        broken("reading it does not come to an end");
      continue;
    }
    const ssize_t got = ::read(socket_, to, bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      int status = 0;
      while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
      }
      child_ = -1;
      broken(WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF ? "reading it does not come to an end"
                                                                : "reading it crashed the HDF5 library");
    }
    to += got;
    bytes -= static_cast<std::size_t>(got);
  }
}

// The next packet that is an answer or a piece of one; an error is raised here.
Packet Remote::receive(const Job& job) {
  if (socket_ < 0) throw Error(ErrorKind::Format, "the HDF5 file is damaged", "its reader has ended", advice);
  std::uint64_t size = 0;
  read_exactly(reinterpret_cast<char*>(&size), sizeof size, job);
  if (size > max_packet) broken("its reader answered nonsense");
  std::string bytes(size, '\0');
  read_exactly(bytes.data(), size, job);
  Packet packet(std::move(bytes));
  if (packet.bytes().empty() || packet.bytes()[0] != 'E') return packet;
  packet.take<char>();
  const int kind = packet.take<int>();
  std::string message = packet.take_text(), detail = packet.take_text(), hint = packet.take_text();
  throw Error(
      kind >= 0 && kind <= static_cast<int>(ErrorKind::Cancelled) ? static_cast<ErrorKind>(kind) : ErrorKind::Format,
      std::move(message), std::move(detail), std::move(hint));
}

Packet Remote::ask(Question question, const std::string& object, const std::string& name, const Job& job) {
  const std::lock_guard<std::mutex> held(mutex_);
  if (socket_ < 0 || !send_packet(socket_, Packet().put(question).put(object).put(name).bytes()))
    broken("its reader has ended");
  Packet packet = receive(job);
  packet.take<char>();
  return Packet(packet.take_text());
}

template <typename T>
std::vector<T> Remote::ask_numbers(Question question, const std::string& object, const std::string& name,
                                   const Job& job) {
  const std::lock_guard<std::mutex> held(mutex_);
  if (socket_ < 0 || !send_packet(socket_, Packet().put(question).put(object).put(name).bytes()))
    broken("its reader has ended");
  std::vector<T> values;
  bool sized = false;
  for (;;) {
    if (job.stop_requested()) end();
    job.check();
    Packet packet = receive(job);
    const char tag = packet.take<char>();
    const std::string bytes = packet.take_text();
    if (tag == 'V') return values;
    if (!sized && bytes.size() == sizeof(std::uint64_t)) {
      // The first piece is how many there will be.
      std::uint64_t count = 0;
      std::memcpy(&count, bytes.data(), sizeof count);
      if (count > std::uint64_t{1} << 50) broken("its reader answered nonsense");
      require_memory(count * sizeof(T), "the array " + object);
      values.reserve(count);
      sized = true;
      continue;
    }
    if (!sized || bytes.size() % sizeof(T) != 0 || values.size() + bytes.size() / sizeof(T) > values.capacity())
      broken("its reader answered nonsense");
    const std::size_t before = values.size();
    values.resize(before + bytes.size() / sizeof(T));
    std::memcpy(values.data() + before, bytes.data(), bytes.size());
  }
}

template std::vector<float> Remote::ask_numbers<float>(Question, const std::string&, const std::string&, const Job&);
template std::vector<double> Remote::ask_numbers<double>(Question, const std::string&, const std::string&, const Job&);
template std::vector<std::int64_t> Remote::ask_numbers<std::int64_t>(Question, const std::string&, const std::string&,
                                                                     const Job&);

}  // namespace erwin::h5
