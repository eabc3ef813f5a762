#include "ui/panels/banner.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/panels/panel_parts.h"
#include "ui/window/theme.h"

namespace erwin::ui {

Banner::Banner(QWidget* parent) : QFrame(parent), message_(plain_label()), hint_(plain_label()) {
  setObjectName("banner");
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(12, 8, 8, 8);
  auto* texts = new QVBoxLayout;
  texts->setSpacing(2);
  message_->setProperty("role", "heading");
  texts->addWidget(message_);
  texts->addWidget(hint_);
  layout->addLayout(texts, 1);
  auto* close = new QPushButton(tr("Close"));
  close->setToolTip(tr("Hide this message"));
  connect(close, &QPushButton::clicked, this, &QWidget::hide);
  layout->addWidget(close, 0, Qt::AlignTop);
  set_theme(Theme::Dark);
  hide();
}

void Banner::set_theme(Theme theme) {
  const BannerColours colours = banner_colours(theme);
  setStyleSheet(QStringLiteral("#banner { background: %1; border-bottom: 1px solid %2; } #banner QLabel { color: %2; }"
                               "#banner QPushButton { color: %2; background: transparent; border: 1px solid %2;"
                               " border-radius: 3px; padding: 3px 12px; }"
                               "#banner QPushButton:focus { border: 2px solid %2; }")
                    .arg(colours.background.name(), colours.text.name()));
}

void Banner::show_failure(const Failure& failure) {
  QString text = QString::fromStdString(failure.message);
  if (!text.isEmpty()) text[0] = text[0].toUpper();
  if (!failure.detail.empty()) text += " (" + QString::fromStdString(failure.detail) + ")";
  message_->setText(text);
  hint_->setText(QString::fromStdString(failure.hint));
  hint_->setVisible(!failure.hint.empty());
  show();
}

QString Banner::text() const {
  return hint_->text().isEmpty() ? message_->text() : message_->text() + "\n" + hint_->text();
}

}  // namespace erwin::ui
