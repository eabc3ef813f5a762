#include "ui/panels/svg_device.h"

#include <QBuffer>
#include <QImage>
#include <QPaintEngine>
#include <QPainterPath>
#include <QPixmap>

#include "core/base/svg.h"
#include "core/base/xml.h"

namespace erwin::ui {

namespace {

constexpr int dots_per_inch = 96;

std::string colour_of(const QColor& colour, const char* attribute) {
  std::string text = " " + std::string(attribute) + "=\"" + colour.name().toStdString() + "\"";
  if (colour.alpha() < 255)
    text += " " + std::string(attribute) + "-opacity=\"" + svg::number(colour.alphaF(), "%.3f") + "\"";
  return text;
}

std::string data_of(const QPainterPath& path) {
  std::string text;
  const auto point = [](const QPainterPath::Element& at) { return svg::number(at.x) + " " + svg::number(at.y) + " "; };
  for (int i = 0; i < path.elementCount(); ++i) {
    const QPainterPath::Element element = path.elementAt(i);
    if (element.isMoveTo()) text += "M";
    if (element.isLineTo()) text += "L";
    if (element.isCurveTo()) text += "C";
    text += point(element);
  }
  return text;
}

}  // namespace

class SvgEngine : public QPaintEngine {
public:
  SvgEngine()
      : QPaintEngine(PrimitiveTransform | PixmapTransform | PainterPaths | AlphaBlend | Antialiasing |
                     ConstantOpacity) {}

  bool begin(QPaintDevice*) override { return true; }
  bool end() override { return true; }
  Type type() const override { return User; }

  void updateState(const QPaintEngineState& now) override {
    const DirtyFlags dirty = now.state();
    if (dirty & DirtyPen) pen_ = now.pen();
    if (dirty & DirtyBrush) brush_ = now.brush();
    if (dirty & DirtyFont) font_ = now.font();
    if (dirty & DirtyTransform) transform_ = now.transform();
    if (dirty & DirtyOpacity) opacity_ = now.opacity();
    if (dirty & DirtyClipEnabled) clips_ = now.isClipEnabled();
    if (dirty & DirtyClipPath) set_clip(now.clipPath(), now.clipOperation());
    if (dirty & DirtyClipRegion) {
      QPainterPath path;
      path.addRegion(now.clipRegion());
      set_clip(path, now.clipOperation());
    }
  }

  using QPaintEngine::drawImage;
  using QPaintEngine::drawPolygon;

  void drawPath(const QPainterPath& path) override {
    add("<path d=\"" + data_of(path) + "\"" + fill() + stroke() + "/>");
  }

  void drawPolygon(const QPointF* points, int count, PolygonDrawMode mode) override {
    if (count < 1) return;
    QPainterPath path(points[0]);
    for (int i = 1; i < count; ++i) path.lineTo(points[i]);
    if (mode != PolylineMode) path.closeSubpath();
    add("<path d=\"" + data_of(path) + "\"" + (mode == PolylineMode ? std::string(" fill=\"none\"") : fill()) +
        stroke() + "/>");
  }

  void drawImage(const QRectF& at, const QImage& image, const QRectF& part, Qt::ImageConversionFlags) override {
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    image.copy(part.toAlignedRect()).save(&buffer, "PNG");
    add("<image x=\"" + svg::number(at.x()) + "\" y=\"" + svg::number(at.y()) + "\" width=\"" +
        svg::number(at.width()) + "\" height=\"" + svg::number(at.height()) +
        "\" preserveAspectRatio=\"none\" image-rendering=\"pixelated\" href=\"data:image/png;base64," +
        bytes.toBase64().toStdString() + "\"/>");
  }

  void drawPixmap(const QRectF& at, const QPixmap& pixmap, const QRectF& part) override {
    drawImage(at, pixmap.toImage(), part, Qt::AutoColor);
  }

  void drawTextItem(const QPointF& at, const QTextItem& item) override {
    const QFont font = item.font();
    const double size = font.pixelSize() > 0 ? font.pixelSize() : font.pointSizeF() * dots_per_inch / 72;
    std::string more = "font-size=\"" + svg::number(size) + "\"" + colour_of(pen_.color(), "fill") + " font-family=\"" +
                       xml_escaped(font.family().toStdString()) + ", sans-serif\"";
    if (font.bold()) more += " font-weight=\"bold\"";
    add(svg::text_at(at.x(), at.y(), item.text().toStdString(), more));
  }

  const std::string& body() const { return body_; }

private:
  void set_clip(const QPainterPath& path, Qt::ClipOperation operation) {
    clips_ = operation != Qt::NoClip;
    const QPainterPath placed = transform_.map(path);
    clip_ = operation == Qt::IntersectClip && !clip_.isEmpty() ? clip_.intersected(placed) : placed;
  }

  std::string fill() const {
    return brush_.style() == Qt::NoBrush ? std::string(" fill=\"none\"") : colour_of(brush_.color(), "fill");
  }

  std::string stroke() const {
    if (pen_.style() == Qt::NoPen) return {};
    const double width = pen_.widthF() > 0 ? pen_.widthF() : 1;
    std::string text = colour_of(pen_.color(), "stroke") + " stroke-width=\"" + svg::number(width) + "\"";
    std::string dashes;
    for (const qreal dash : pen_.dashPattern()) dashes += svg::number(dash * width) + " ";
    if (pen_.style() != Qt::SolidLine && !dashes.empty()) text += " stroke-dasharray=\"" + dashes + "\"";
    return text;
  }

  void add(const std::string& element) {
    std::string attributes;
    if (!transform_.isIdentity()) {
      attributes = " transform=\"matrix(";
      for (const double x :
           {transform_.m11(), transform_.m12(), transform_.m21(), transform_.m22(), transform_.dx(), transform_.dy()})
        attributes += svg::number(x, "%.6g") + " ";
      attributes += ")\"";
    }
    if (opacity_ < 1) attributes += " opacity=\"" + svg::number(opacity_, "%.3f") + "\"";
    std::string text = attributes.empty() ? element : "<g" + attributes + ">" + element + "</g>";
    if (clips_ && !clip_.isEmpty()) {
      const std::string data = data_of(clip_);
      if (data != clip_data_) {
        clip_data_ = data;
        ++clip_count_;
        body_ += "<clipPath id=\"c" + std::to_string(clip_count_) + "\"><path d=\"" + data + "\"/></clipPath>\n";
      }
      text = "<g clip-path=\"url(#c" + std::to_string(clip_count_) + ")\">" + text + "</g>";
    }
    body_ += text + "\n";
  }

  QPen pen_;
  QBrush brush_;
  QFont font_;
  QTransform transform_;
  QPainterPath clip_;  // in the device's own coordinates
  std::string clip_data_;
  int clip_count_ = 0;
  bool clips_ = false;
  double opacity_ = 1;
  std::string body_;
};

SvgDevice::SvgDevice(const QSize& size) : size_(size), engine_(std::make_unique<SvgEngine>()) {}
SvgDevice::~SvgDevice() = default;

QPaintEngine* SvgDevice::paintEngine() const {
  return engine_.get();
}

std::string SvgDevice::text() const {
  const std::string width = std::to_string(size_.width()), height = std::to_string(size_.height());
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" + height + "\" viewBox=\"0 0 " +
         width + " " + height + "\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" + engine_->body() +
         "</svg>\n";
}

int SvgDevice::metric(PaintDeviceMetric metric) const {
  switch (metric) {
    case PdmWidth:
      return size_.width();
    case PdmHeight:
      return size_.height();
    case PdmWidthMM:
      return qRound(size_.width() * 25.4 / dots_per_inch);
    case PdmHeightMM:
      return qRound(size_.height() * 25.4 / dots_per_inch);
    case PdmNumColors:
      return 1 << 24;
    case PdmDepth:
      return 24;
    case PdmDpiX:
    case PdmDpiY:
    case PdmPhysicalDpiX:
    case PdmPhysicalDpiY:
      return dots_per_inch;
    case PdmDevicePixelRatio:
      return 1;
    case PdmDevicePixelRatioScaled:
      return static_cast<int>(devicePixelRatioFScale());
    default:
      return 0;
  }
}

}  // namespace erwin::ui
