#include "core/config/schema.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace erwin {

namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();
using Names = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

Option flag(const char* key, bool fallback, const char* help, const char* models = "") {
  return {key, fallback, help, {}, -kNoLimit, kNoLimit, "", models};
}
Option whole(const char* key, std::int64_t fallback, double least, double most, const char* unit, const char* help,
             const char* models = "") {
  return {key, fallback, help, {}, least, most, unit, models};
}
Option real(const char* key, double fallback, double least, double most, const char* unit, const char* help) {
  return {key, fallback, help, {}, least, most, unit, ""};
}
Option text(const char* key, const char* fallback, Names choices, const char* help, const char* models = "") {
  return {key, std::string(fallback), help, std::move(choices), -kNoLimit, kNoLimit, "", models};
}
Option list(const char* key, Numbers fallback, double least, double most, const char* unit, const char* help) {
  return {key, std::move(fallback), help, {}, least, most, unit, "erwin"};
}
Option names(const char* key, Names fallback, const char* help) {
  return {key, std::move(fallback), help, {}, -kNoLimit, kNoLimit, "", ""};
}

Option standard(const char* key, const char* help) {
  return {key, std::vector<double>{}, help, {}, -1e30, 1e30, "", ""};
}

std::vector<Option> model_options() {
  constexpr double slots = 1 << 20, channels = 16384, layers = 1024;
  const char* flat = "erwin-nsa, full, ball";
  const char* nsa = "erwin-nsa";
  return {
      text("model.kind", "erwin-nsa", {"erwin", "erwin-nsa", "full", "ball"}, "the network"),
      whole("model.dimension", 0, 0, 3, "", "2 or 3; 0: as the data has"),
      whole("model.input_features", 0, 0, channels, "", "numbers per point that go in; 0: as data.inputs have"),
      whole("model.output_features", 0, 0, channels, "", "numbers per point that come out; 0: as data.target has"),
      text("model.head", "value", {"value", "gaussian"},
           "what is predicted: the target, or its mean and deviation, trained by their negative log-likelihood"),
      text("model.embedding", "linear", {"linear", "fourier"}, "how the input becomes embedding_channels numbers"),
      whole("model.embedding_channels", 64, 1, channels, "channels", "width of the embedded input; even for fourier"),
      flag("model.wrapper", true, "input embedding and head around the backbone; false: the backbone alone"),
      text("model.graph", "knn", {"knn", "lines"},
           "edges of the message passing: nearest neighbours or the cloud's lines"),
      whole("model.graph_k", 8, 1, 1024, "edges", "edges per point of the knn graph"),
      flag("model.graph_self_loop", true, "the point itself counts as one of graph_k"),
      whole("model.mp_steps", 3, 0, 64, "", "message-passing steps before the blocks"),
      whole("model.mlp_ratio", 4, 1, 64, "", "hidden width of SwiGLU over the width"),
      real("model.rotate", 45, 0, 360, "degrees", "angle of the tree of every second block; 0: no rotation"),
      text("model.padding", "masked", {"masked", "duplicate"},
           "what fills a tree beyond its points; duplicate: as the authors do"),
      flag("model.freeze_sigma", false, "do not train the distance coefficients"),
      real("model.weight_deviation", 0.02, 1e-6, 2, "", "standard deviation of linear weights before training"),
      whole("model.width", 64, 1, channels, "channels", "width of every block", flat),
      whole("model.depth", 6, 1, layers, "", "number of blocks", flat),
      whole("model.heads", 16, 1, channels, "", "query heads; full, ball: must divide width", flat),
      whole("model.kv_heads", 1, 1, channels, "", "key/value heads; must divide heads", nsa),
      whole("model.head_dim", 16, 1, channels, "channels", "width of a head", nsa),
      whole("model.ball_size", 512, 1, slots, "slots", "local ball, a power of two", flat),
      whole("model.block_size", 32, 1, slots, "slots",
            "block of compression and selection, a power of two that divides ball_size", nsa),
      whole("model.selected_blocks", 16, 1, slots, "blocks", "blocks that a query block selects", nsa),
      text("model.compression", "pool", {"pool", "mlp", "mean"}, "how a block becomes one key and value", nsa),
      text("model.exclude", "ball", {"ball", "block", "none"}, "what of its surroundings a block cannot select", nsa),
      text("model.compressed_query", "token", {"token", "block"}, "who asks in the compressed branch", nsa),
      text("model.gate_start", "even", {"even", "local"},
           "gates before training: all 0.5; or local 0.88, compressed and selected 0.12", nsa),
      list("model.widths", {64, 64}, 1, channels, "channels", "width per level, finest first"),
      list("model.ball_sizes", {256, 256}, 1, slots, "slots", "ball per level, powers of two"),
      list("model.encoder_heads", {8, 8}, 1, channels, "", "heads per level; each divides its width"),
      list("model.encoder_depths", {6, 6}, 0, layers, "", "blocks per level, the last being the bottleneck"),
      list("model.decoder_heads", {8}, 1, channels, "", "heads per level but the coarsest, finest first"),
      list("model.decoder_depths", {6}, 0, layers, "", "blocks per level but the coarsest, finest first"),
      list("model.strides", {1}, 1, slots, "", "children per parent between two levels, powers of two"),
  };
}

std::vector<Option> other_options() {
  constexpr double steps = 1e12;
  return {
      text("data.path", "", {}, "data set, folder or file; --data goes before it"),
      names("data.inputs", {}, "position and fields that go in; empty: as the data set says"),
      text("data.target", "", {}, "field to predict; empty: as the data set says"),
      standard("data.position_mean", "offsets of the positions, per axis; empty: computed over the split"),
      standard("data.position_deviation", "scales of the positions, per axis; empty: computed over the split"),
      standard("data.target_mean", "offset of the target, per component; empty: computed over the split"),
      standard("data.target_deviation", "scale of the target, per component; empty: computed over the split"),
      text("data.split", "train", {}, "split that is trained on"),
      text("data.validation", "validation", {},
           "split that is validated on; test: the published protocol; none: no validation"),
      real("data.validation_share", 0.1, 0, 0.9, "",
           "share of the training split that is set aside where data.validation names no split of the data set"),
      flag("data.skip_bad", false,
           "check all samples first and go on without damaged and incomplete ones; --skip-bad sets it"),
      whole("train.steps", 1000, 0, steps, "steps", "at which the run ends; --steps goes before it"),
      whole("train.schedule_steps", 0, 0, steps, "steps", "length of the schedule; 0: train.steps at the start"),
      whole("train.batch", 1, 1, 65536, "samples", "samples that pass through the network together"),
      whole("train.accumulate", 1, 1, 65536, "batches", "batches per step: as one larger batch, in less memory"),
      real("train.lr", 1e-3, 0, 1e3, "", "learning rate, the highest of the schedule"),
      text("train.schedule", "cosine", {"const", "cosine"}, "learning rate over the steps"),
      real("train.eta_min", 0, 0, 1e3, "", "learning rate at the end of the cosine"),
      whole("train.warmup", 0, 0, steps, "steps", "steps in which the learning rate rises from 0"),
      real("train.weight_decay", 0.01, 0, 1e3, "", "decay of AdamW"),
      {"train.betas", std::vector<double>{0.9, 0.999}, "averages of AdamW: gradient and its square", {}, 0, 1, "", ""},
      real("train.eps", 1e-8, 0, 1, "", "what AdamW adds to the root of the squares"),
      real("train.clip", 0, 0, kNoLimit, "", "largest norm of the gradient; 0: not clipped"),
      whole("train.seed", 0, 0, 9007199254740992.0, "", "of weights and of the order of samples"),
      text("train.device", "auto", {}, "auto, cpu, cuda or cuda:N"),
      text("train.precision", "float32", {"float32", "tf32", "bf16", "float64"},
           "type of weights and activations; tf32: float32 with factors of matrix products rounded to TF32 on a GPU; "
           "bf16: matrix products only, with float32 master weights"),
      whole("train.threads", 0, 0, 4096, "threads", "CPU threads; 0: all"),
      whole("train.loaders", 2, 1, 256, "threads", "threads that load and prepare samples ahead"),
      flag("train.graph", true,
           "CUDA: record a step of each shape that repeats and replay it, which saves its launches"),
      text("train.recompute", "auto", {"auto", "on", "off"},
           "blocks run again in the backward pass instead of keeping what it needs: much less memory for one more "
           "forward pass, the same result; auto: where a step does not fit otherwise"),
      flag("train.shuffle_points", false, "the points of a sample in another order every time (seeded)"),
      text("train.rotate_points", "none", {"none", "x", "y", "z", "any"},
           "samples turned about an axis through their centre by another angle every time (seeded)"),
      whole("train.log_every", 1, 1, steps, "steps", "steps between two lines of metrics.jsonl"),
      whole("train.checkpoint_every", 1000, 1, steps, "steps", "steps between two writings of checkpoints/last.h5"),
      real("train.checkpoint_minutes", 10, 0, 1e6, "minutes", "the same by time; 0: by steps alone"),
      whole("train.keep_every", 0, 0, steps, "steps", "steps between two checkpoints that are kept; 0: only step 0"),
      whole("train.validate_every", 100, 0, steps, "steps", "steps between two validations; 0: at the end alone"),
      real("train.memory_limit", 0, 0, 1e6, "GiB",
           "memory that training may take (CPU: a limit on its tensors, GPU: on the prediction); 0: what is free"),
      flag("train.memory_check", true, "refuse to start what is predicted not to fit"),
  };
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

std::string number_text(double value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string quoted(std::string_view value) {
  static const char* hex = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : value) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      result += {'\\', c};
    else if (code < 0x20 || code == 0x7f)
      result += {'\\', 'u', '0', '0', hex[code >> 4], hex[code & 15]};
    else
      result += c;
  }
  return result + "\"";
}

std::string toml_scalar(bool value) {
  return value ? "true" : "false";
}
std::string toml_scalar(std::int64_t value) {
  return std::to_string(value);
}
std::string toml_scalar(const std::string& value) {
  return quoted(value);
}
std::string toml_scalar(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const std::string digits = number_text(value);
  return digits.find_first_of(".e") == std::string::npos ? digits + ".0" : digits;
}
template <typename T>
std::string toml_scalar(const std::vector<T>& values) {
  std::string result = "[";
  for (std::size_t i = 0; i < values.size(); ++i) result += (i ? ", " : "") + toml_scalar(values[i]);
  return result + "]";
}

const char* section_title(const std::string& section) {
  if (section == "model") return "The network";
  if (section == "data") return "What it is trained on";
  return "How it is trained";
}

}  // namespace

const char* name_of(OptionType type) {
  switch (type) {
    case OptionType::Boolean:
      return "true or false";
    case OptionType::Integer:
      return "whole number";
    case OptionType::Real:
      return "number";
    case OptionType::Text:
      return "text";
    case OptionType::Integers:
      return "list of whole numbers";
    case OptionType::Reals:
      return "list of numbers";
    case OptionType::Texts:
      return "list of texts";
  }
  return "text";
}

std::string Option::allowed() const {
  std::string result;
  for (const std::string& choice : choices) result += (result.empty() ? "" : ", ") + choice;
  if (!choices.empty()) return result;
  if (std::isinf(maximum) && std::isinf(minimum)) return "";
  if (std::isinf(maximum)) return "at least " + number_text(minimum);
  // Bounds of whole numbers in full: 1048576, not 1e+06.
  const bool whole_numbers = type() == OptionType::Integer || type() == OptionType::Integers;
  if (whole_numbers) return std::to_string(std::llround(minimum)) + " to " + std::to_string(std::llround(maximum));
  return number_text(minimum) + " to " + number_text(maximum);
}

const std::vector<Option>& schema() {
  static const std::vector<Option> options = [] {
    std::vector<Option> all = model_options();
    for (Option& option : other_options()) all.push_back(std::move(option));
    return all;
  }();
  return options;
}

const Option* find_option(std::string_view key) {
  for (const Option& option : schema())
    if (option.key == key) return &option;
  return nullptr;
}

std::string nearest_key(std::string_view typed) {
  const std::string_view last = typed.substr(typed.rfind('.') == std::string_view::npos ? 0 : typed.rfind('.') + 1);
  // A long text resembles nothing, and the distance costs its length.
  if (last.empty() || typed.size() > 100) return "";
  std::string best;
  std::size_t least = std::max<std::size_t>(2, last.size() / 2) + 1;
  for (const Option& option : schema()) {
    const std::size_t distance = std::min(edit_distance(typed, option.key), edit_distance(last, option.name()) + 1);
    if (distance < least) least = distance, best = option.key;
  }
  return best;
}

std::string toml_text(const OptionValue& value) {
  return std::visit([](const auto& held) { return toml_scalar(held); }, value);
}

std::string options_text() {
  std::string result = "Options of a configuration, in a file under [section] or as --set section.key=value:\n";
  std::string section;
  for (const Option& option : schema()) {
    if (option.section() != section) {
      section = option.section();
      result += "\n" + std::string(section_title(section)) + "\n";
    }
    std::string line = "  " + option.key + " = " + toml_text(option.fallback);
    line.resize(std::max<std::size_t>(line.size() + 2, 40), ' ');
    line += option.help;
    if (!option.unit.empty()) line += " [" + option.unit + "]";
    if (!option.choices.empty()) line += " (" + option.allowed() + ")";
    if (!option.models.empty()) line += " {" + option.models + "}";
    result += line + "\n";
  }
  return result;
}

std::string options_markdown() {
  std::string result =
      "# Configuration\n\n"
      "A configuration is a TOML file, a preset's name, or either with `--set section.key=value` on the command line.\n"
      "What a file does not say has the default below. Every run writes its complete configuration to `config.toml`.\n"
      "This page is printed by `erwinscope help options --markdown`.\n";
  std::string section;
  for (const Option& option : schema()) {
    if (option.section() != section) {
      section = option.section();
      result +=
          "\n## [" + section + "] " + section_title(section) +
          "\n\n| key | default | meaning | unit | type, allowed | networks |\n| --- | --- | --- | --- | --- | --- |\n";
    }
    const std::string allowed = option.allowed();
    result += "| `" + option.name() + "` | `" + toml_text(option.fallback) + "` | " + option.help + " | " +
              option.unit + " | " + name_of(option.type()) + (allowed.empty() ? "" : ": " + allowed) + " | " +
              (option.models.empty() ? "all" : option.models) + " |\n";
  }
  return result;
}

}  // namespace erwin
