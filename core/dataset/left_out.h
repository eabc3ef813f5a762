#pragma once
// Samples that a data set does without, because they are damaged, incomplete or missing, and how a person is told.

#include <string>
#include <vector>

#include "core/base/error.h"

namespace erwin {

// Names and places as a person can look them up.
struct LeftOut {
  std::string name, why;
};

// Whether the error tells of data that are not what they should be; memory, a stop or a setting are another matter.
bool is_of_the_data(const Error& error);

// Message and place of an error, without its hint.
std::string why_of(const Error& error);

// "left out 2: halos_train_1#3 (...); halos_train_2#0 (...)": all of them counted, the first ones named.
std::string text_of(const std::vector<LeftOut>& left_out);

}  // namespace erwin
