#pragma once
// A paint device that writes what is painted as SVG: charts leave the window as they are drawn in it, in lines and
// letters instead of pixels. Pictures within them are embedded as PNG.

#include <QPaintDevice>
#include <QSize>
#include <memory>
#include <string>

namespace erwin::ui {

class SvgEngine;

class SvgDevice : public QPaintDevice {
public:
  // On a white ground.
  explicit SvgDevice(const QSize& size);
  ~SvgDevice() override;
  QPaintEngine* paintEngine() const override;
  // The document; call it when the painter has ended.
  std::string text() const;

protected:
  int metric(PaintDeviceMetric metric) const override;

private:
  QSize size_;
  std::unique_ptr<SvgEngine> engine_;
};

}  // namespace erwin::ui
