#include "core/model/internal/network.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace erwin::model {

namespace {

// What stands before the backbone's own embedding (method 6): cos and sin of a random projection that is trained, or
// the authors' Linear before `erwin`; nothing where the backbone's Linear takes the features itself.
class InputFeatures {
public:
  InputFeatures(const ModelConfig& config, Builder builder) : fourier_(config.embedding == Embedding::Fourier) {
    if (!config.wrapper) return;
    const Builder features = builder.child("features");
    if (fourier_)
      projection_ =
          Builder(features).normal("weight", {config.embedding_channels / 2, config.input_features}, 0.0, 1.0);
    else if (config.kind == ModelKind::Erwin)
      linear_.emplace(features, config.input_features, config.embedding_channels);
  }

  // Channels that reach the backbone.
  static std::int64_t channels(const ModelConfig& config) {
    const bool direct = config.embedding == Embedding::Linear && (!config.wrapper || config.kind != ModelKind::Erwin);
    return direct ? config.input_features : config.embedding_channels;
  }

  at::Tensor operator()(const at::Tensor& features) const {
    if (linear_) return (*linear_)(features);
    if (!projection_.defined()) return features;
    const at::Tensor phase = at::linear(features, projection_.to(features.scalar_type()));
    return at::cat({phase.cos(), phase.sin()}, 1);
  }

private:
  bool fourier_;
  at::Tensor projection_;
  std::optional<Linear> linear_;
};

// Linear, GELU, Linear per point.
class Head {
public:
  Head(Builder builder, std::int64_t width, std::int64_t out)
      : first_(builder.child("0"), width, width), second_(builder.child("2"), width, out) {}
  at::Tensor operator()(const at::Tensor& x) const { return second_(at::gelu(first_(x))); }

private:
  Linear first_, second_;
};

class WholeNetwork : public Network {
public:
  WholeNetwork(const ModelConfig& config, std::uint64_t seed, const at::TensorOptions& options) {
    const Builder builder{parameters_, at::detail::createCPUGenerator(seed), options, "", config.weight_deviation};
    const bool erwin = config.kind == ModelKind::Erwin;
    const std::int64_t width = erwin ? config.unet.widths.front() : config.flat.width;
    features_.emplace(config, builder);
    embed_.emplace(config, builder.child("embed"), InputFeatures::channels(config), width);
    trunk_ = erwin ? make_unet_trunk(config, builder) : make_flat_trunk(config, builder);
    if (config.wrapper) head_.emplace(builder.child("head"), width, config.network_outputs());
  }

  at::Tensor forward(const Batch& batch, ForwardContext& context) override {
    if (context.start.defined()) {
      const at::Tensor rows = trunk_->forward({}, batch, context);
      return head_ && !context.attention_only ? by_rows(rows, context.job, *head_) : rows;
    }
    const at::Tensor features = by_rows(batch.features, context.job, *features_);
    context.saw("features", features);
    at::Tensor embedded = (*embed_)(features, batch, context);
    if (context.interventions && context.interventions->replace)
      embedded = context.interventions->replace("embed", embedded);
    context.saw("embed", embedded);
    const at::Tensor rows = trunk_->forward(embedded, batch, context);
    return head_ ? by_rows(rows, context.job, *head_) : rows;
  }

private:
  std::optional<InputFeatures> features_;
  std::optional<Embed> embed_;
  std::unique_ptr<Trunk> trunk_;
  std::optional<Head> head_;
};

}  // namespace

std::unique_ptr<Network> make_network(const ModelConfig& config, std::uint64_t seed, const at::TensorOptions& options) {
  return std::make_unique<WholeNetwork>(config, seed, options);
}

}  // namespace erwin::model
