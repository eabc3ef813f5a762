// The one executable: finds the sub-command, runs it, turns an Error into one line on stderr and an exit code.

#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "app/command.h"
#include "app/version.h"
#include "core/base/error.h"

namespace erwin::app {

namespace {

std::vector<CommandRegistration::Add>& registered() {
  static std::vector<CommandRegistration::Add> list;
  return list;
}

std::stop_source& stop_source() {
  static std::stop_source source;
  return source;
}

int own_exit_code = 0;

// A signal may only write a byte here; a thread of its own turns it into a stop request.
int signal_pipe[2] = {-1, -1};

void on_interrupt(int) {
  const char byte = 1;
  if (::write(signal_pipe[1], &byte, 1) < 0) std::_Exit(130);
}

void listen_for_interrupt() {
  if (::pipe(signal_pipe) != 0) return;
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  std::thread([] {
    char byte = 0;
    if (::read(signal_pipe[0], &byte, 1) == 1) stop_source().request_stop();
    // A second Ctrl-C does not wait for anybody.
    if (::read(signal_pipe[0], &byte, 1) == 1) std::_Exit(130);
  }).detach();
}

void show_progress(double fraction, std::string_view what) {
  if (!::isatty(STDERR_FILENO)) return;
  if (fraction >= 0)
    std::fprintf(stderr, "\r\033[K%3.0f %% %.*s", 100 * fraction, static_cast<int>(what.size()), what.data());
  else
    std::fprintf(stderr, "\r\033[K%.*s", static_cast<int>(what.size()), what.data());
  if (fraction >= 1) std::fputc('\n', stderr);
}

int report(const Error& error) {
  std::fprintf(stderr, "erwinscope: %s\n", error.what());
  return exit_code(error.kind());
}

int run(int argc, char** argv) {
  CLI::App program{"ErwinScope: see where ball-tree and native sparse attention look on point clouds", "erwinscope"};
  program.set_help_all_flag("--help-all", "help of all sub-commands");
  program.fallthrough(false);
  bool version = false;
  program.add_flag("--version", version, "versions of the program and its libraries, devices found");
  for (const auto add : registered()) add(program);
  // Without a sub-command the program is the window, with the arguments as files.
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto is_command = [&](const std::string& name) {
    return !program.get_subcommands([&](CLI::App* command) { return command->get_name() == name; }).empty();
  };
  const bool plain = arguments.empty() || (arguments[0][0] != '-' && !is_command(arguments[0]));
  if (plain && is_command("gui")) arguments.insert(arguments.begin(), "gui");
  std::reverse(arguments.begin(), arguments.end());
  try {
    program.parse(arguments);
    if (version)
      print_version();
    else if (program.get_subcommands().empty())
      std::fputs(program.help().c_str(), stdout);
  } catch (const CLI::Success& shown) {
    return program.exit(shown);
  } catch (const CLI::ParseError& error) {
    return report(Error(ErrorKind::Config, error.what(), {}, "See 'erwinscope --help'"));
  }
  return own_exit_code;
}

}  // namespace

CommandRegistration::CommandRegistration(Add add) {
  registered().push_back(add);
}

const Job& command_job() {
  static const Job job(stop_source().get_token(), show_progress);
  return job;
}

void set_exit_code(int code) {
  own_exit_code = code;
}

}  // namespace erwin::app

int main(int argc, char** argv) {
  using namespace erwin;
  app::listen_for_interrupt();
  try {
    return app::run(argc, argv);
  } catch (const Error& error) {
    return app::report(error);
  } catch (const std::bad_alloc&) {
    return app::report(Error(ErrorKind::Memory, "out of memory", {}, "Close other programs or use a smaller sample"));
  } catch (const std::exception& error) {
    return app::report(Error(ErrorKind::Internal, "an error that the program did not expect", error.what(),
                             "Please report it with the command that caused it"));
  }
}
