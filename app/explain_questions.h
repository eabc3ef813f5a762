#pragma once
// The questions of `erwinscope explain` beside the plain one. Each answers with a JSON object that
// resources/help/explain.md describes, and writes fields to --out where it makes some.

#include <nlohmann/json.hpp>

#include "app/explain_source.h"

namespace erwin::app {

using Answer = nlohmann::ordered_json;

// Of the record alone (app/explain_record.cpp).
Answer answer_summary(const ExplainOptions& options, const ExplainSource& source);
Answer answer_heads(const ExplainOptions& options, const ExplainSource& source);
Answer answer_matrix(const ExplainOptions& options, const ExplainSource& source);
Answer answer_attended_by(const ExplainOptions& options, const ExplainSource& source);
Answer answer_attends_to(const ExplainOptions& options, const ExplainSource& source);
Answer answer_recall(const ExplainOptions& options, const ExplainSource& source);
Answer answer_rollout(const ExplainOptions& options, const ExplainSource& source);

// Of the network (app/explain_network.cpp); Error{Config} for a record.
Answer answer_receptive_field(const ExplainOptions& options, const ExplainSource& source);
Answer answer_attribution(const ExplainOptions& options, const ExplainSource& source);
Answer answer_what_if(const ExplainOptions& options, const ExplainSource& source);

// Beside another layer, head or network (app/explain_compare.cpp).
Answer answer_comparison(const ExplainOptions& options, const ExplainSource& source);
// Beside another sample (app/explain_samples.cpp).
Answer answer_samples(const ExplainOptions& options, const ExplainSource& source);

// Writes the frame with these fields to --out; nothing without it.
void write_fields(const ExplainOptions& options, const ExplainSource& source, std::vector<Field> fields);
// Numbers that are not finite become null.
Answer number(double value);

}  // namespace erwin::app
