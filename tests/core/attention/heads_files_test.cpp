#include "core/attention/heads_files.h"

#include <gtest/gtest.h>

namespace erwin {
namespace {

std::vector<LayerGlance> two_layers() {
  std::vector<LayerGlance> layers(2);
  for (int l = 0; l < 2; ++l) {
    LayerGlance& layer = layers[static_cast<std::size_t>(l)];
    layer.layer = l;
    layer.name = l ? "the \"last\"" : "first";
    layer.kind = l ? LayerKind::Nsa : LayerKind::Full;
    layer.queries = 5;
    layer.points = 9;
    for (int h = 0; h < 3; ++h) {
      HeadGlance head;
      head.layer = l;
      head.head = h;
      head.distance = 1 + l + 0.25 * h;
      head.entropy = 2;
      head.agreement = 0.5;
      layer.heads.push_back(head);
    }
  }
  return layers;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(HeadsFiles, TheTableHasARowForEveryHead) {
  const std::string csv = heads_csv(two_layers());
  EXPECT_EQ(count(csv, "\n"), 7U);
  EXPECT_NE(csv.find("\n1,\"the \"\"last\"\"\",2,1,0,0,2,0,2.5,0,0.5,5,9\n"), std::string::npos) << csv;
}

TEST(HeadsFiles, TheChartHasAMarkForEveryHeadAndSaysItsUnits) {
  const std::string svg = heads_svg(two_layers(), "km");
  EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
  for (const char* words : {"distance [km]", "entropy [nats]", "overlap [1]", "5 of 9 points", "fill=\"#ffffff\"",
                            "layer 1, head 2: 2.5", "layer 1, head 0: compressed 0"})
    EXPECT_NE(svg.find(words), std::string::npos) << words;
  // Three panels with both layers' heads, and the gates of the one layer that has them.
  EXPECT_EQ(count(svg, "<title>layer"), 3U * 6 + 3 * 3);
  EXPECT_EQ(count(svg, "layer 0, head 0: local"), 0U);
  EXPECT_NE(heads_svg(two_layers(), "").find("distance [the cloud's unit]"), std::string::npos);
}

TEST(HeadsFiles, ANetworkWithoutGatesHasNoPanelOfThem) {
  std::vector<LayerGlance> layers = two_layers();
  layers.pop_back();
  const std::string svg = heads_svg(layers, "m");
  EXPECT_EQ(svg.find("Gates"), std::string::npos);
  EXPECT_EQ(count(svg, "<title>layer"), 9U);
}

}  // namespace
}  // namespace erwin
