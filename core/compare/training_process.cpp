#include "core/compare/internal/training_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"

namespace erwin::study {

namespace {

// Between fork and exec only what a signal handler may call.
[[noreturn]] void become(char* const* words, int in, int out, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);  // it has died in between
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::execv(words[0], words);
  ::_exit(127);
}

}  // namespace

TrainingProcess::TrainingProcess(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                                 const std::filesystem::path& log) {
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const pid_t parent = ::getpid();
  if (in >= 0 && out >= 0) pid_ = ::fork();
  if (pid_ == 0) become(pointers.data(), in, out, parent);
  const int problem = errno;
  if (in >= 0) ::close(in);
  if (out >= 0) ::close(out);
  if (pid_ < 0)
    throw Error(ErrorKind::Io, "cannot start a run", log.string() + ": " + std::strerror(problem),
                "Check the directory's rights and the number of processes");
}

TrainingProcess::~TrainingProcess() {
  kill();
  while (pid_ > 0 && !code_ && !ended()) ::usleep(1000);
}

std::optional<int> TrainingProcess::ended() {
  if (code_) return code_;
  int status = 0;
  const pid_t found = ::waitpid(pid_, &status, WNOHANG);
  if (found == pid_) code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (found < 0 && errno != EINTR) code_ = 1;
  return code_;
}

void TrainingProcess::ask_to_stop() {
  if (!code_) ::kill(pid_, SIGTERM);
}

void TrainingProcess::kill() {
  if (!code_) ::kill(pid_, SIGKILL);
}

}  // namespace erwin::study
