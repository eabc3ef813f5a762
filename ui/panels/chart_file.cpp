#include "ui/panels/chart_file.h"

#include <QImage>
#include <QPainter>
#include <QWidget>
#include <algorithm>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "ui/panels/svg_device.h"
#include "ui/window/theme.h"

namespace erwin::ui {

namespace {

constexpr int margin = 12;

// Black on white while it lives, and large enough to be read where the panel is hidden or tiny.
class Printed {
public:
  explicit Printed(QWidget& chart) : chart_(chart), size_(chart.size()) {
    QPalette palette = window_palette(Theme::Light);
    for (const auto role : {QPalette::Window, QPalette::Base}) palette.setColor(role, Qt::white);
    palette.setColor(QPalette::WindowText, Qt::black);
    chart.setPalette(palette);
    if (size_.width() < 300 || size_.height() < 150)
      chart.resize(std::max(640, size_.width()), std::max(360, size_.height()));
  }
  ~Printed() {
    chart_.setPalette(QPalette());
    if (chart_.size() != size_) chart_.resize(size_);
  }
  Printed(const Printed&) = delete;
  Printed& operator=(const Printed&) = delete;

private:
  QWidget& chart_;
  QSize size_;
};

QRect words_of(const QWidget& chart, const QString& caption) {
  return chart.fontMetrics().boundingRect(QRect(0, 0, chart.width(), 10000), Qt::TextWordWrap, caption);
}

void draw(QPainter& painter, QWidget& chart, const QString& caption, int words) {
  painter.setFont(chart.font());
  painter.setPen(Qt::black);
  painter.drawText(QRect(margin, margin, chart.width(), words), Qt::TextWordWrap, caption);
  chart.render(&painter, QPoint(margin, words + 2 * margin), QRegion(), QWidget::DrawChildren);
}

}  // namespace

std::function<void(const Job&)> chart_writer(QWidget& chart, const QString& caption, const std::string& path) {
  const QString name = QString::fromStdString(path);
  const bool svg = name.endsWith(".svg", Qt::CaseInsensitive);
  if (!svg && !name.endsWith(".png", Qt::CaseInsensitive))
    throw Error(ErrorKind::Config, "this kind of file is not known", path, "Name it .svg, .png or .csv");
  const Printed printed(chart);
  const int words = words_of(chart, caption).height();
  const QSize size(chart.width() + 2 * margin, words + chart.height() + 3 * margin);
  if (svg) {
    SvgDevice device(size);
    QPainter painter(&device);
    draw(painter, chart, caption, words);
    painter.end();
    return [text = device.text(), path](const Job&) { write_text_atomically(path, text); };
  }
  QImage image(2 * size, QImage::Format_RGB32);
  image.setDevicePixelRatio(2);
  image.fill(Qt::white);
  QPainter painter(&image);
  draw(painter, chart, caption, words);
  painter.end();
  return [image, path](const Job&) {
    write_file_atomically(path, [&](const std::filesystem::path& temporary) {
      if (!image.save(QString::fromStdString(temporary.string()), "PNG"))
        throw Error(ErrorKind::Io, "the picture cannot be written", path);
    });
  };
}

}  // namespace erwin::ui
