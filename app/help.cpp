// `erwinscope help options`: the options of a configuration, for a terminal or as the page of the documentation.

#include <cstdio>
#include <memory>

#include "app/command.h"
#include "core/config/schema.h"

namespace erwin::app {

namespace {

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* help = app.add_subcommand("help", "what does not fit into --help: help options");
  help->require_subcommand(1);
  CLI::App* options = help->add_subcommand("options", "every option of a configuration");
  const auto markdown = std::make_shared<bool>(false);
  options->add_flag("--markdown", *markdown, "as the page resources/help/configuration.md");
  options->callback([markdown] {
    const std::string text = *markdown ? options_markdown() : options_text();
    std::fputs(text.c_str(), stdout);
  });
}};

}  // namespace

}  // namespace erwin::app
