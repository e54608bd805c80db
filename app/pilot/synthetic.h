// A demonstration's data made up by the program, for where no real set may be carried or is there:
// columns drawn from plain distributions, the outcome from a formula with noise. Told as synthetic
// wherever it is shown. The same template gives the same bytes.
//
// In a template, as its demonstration or as that one's member "synthetic":
// {"kind":"synthetic","rows":800,"seed":7,"every":3600,"source":{"zh-CN","en"},"columns":[
//   {"name":"age","normal":[50,15],"low":18,"high":90,"digits":0,"missing":.05},
//   {"name":"sex","choice":{"F":.5,"M":.5}},
//   {"name":"note","compose":{"by":"sex","of":{"F":[["a","b"],["c"]],"M":[["d"]]}}},
//   {"name":"code","join":["sex","note"]},                   texts of choices before, as they come
//   {"name":"x","choice":{"C":.3,"N":.7},"hidden":true},     drawn, but not among the data
//   {"name":"time","hours":"2025-01-01 00:00"},          one row every "every" seconds
//   {"name":"loop_","road":{"count":12,"free":65,"jam":.6,"narrow":9,"rush":[24 numbers],
//     "noise":2}},
//   {"name":"flow","sum":{"base":400,"terms":{"age":[.05,50],"sex":{"F":.3}},"noise":30,
//     "day":[24 numbers],"week":[7 numbers]},"low":0,"digits":0},
//   {"name":"ill","odds":{"base":-2,"terms":{…},"noise":0},"yes":"1","no":"0"},
//   {"name":"ended","after":"wait"},                     the row's time and so many hours; nothing
//                                                        where that lies behind the last row's time
//   {"name":"death","lasts":{"base":7,"terms":{…}}},         exponential, of mean e to the sum
//   {"name":"days","least":["death","watched"]},             the smaller number,
//   {"name":"state","which":{"death":"2","watched":"0"}},    and a word for which one it is
//   …],
//  "graph":[["loop_01","loop_02",1],…]}     which columns are neighbours, if the template asks
// road: columns loop_01, loop_02, … of speeds along one way: at the narrow place rush, and
// anywhere an incident, makes a jam, which wanders against the traffic and dissolves.
// terms: [weight, center] of a number, a weight for each choice, of columns before. day and week
// are factors by the hour and the day (Monday first) of the row's time. Depends on base/. Any
// thread.
#pragma once

#include "base/buf.h"
#include "pilot/template.h"

// The template's part of it; NULL: it makes up none.
const struct json *synthetic_of(const struct template *one);
// Appends CSV with a header of the columns' own names. ERR_INPUT "pilot.bad_template" (detail: the
// column).
enum err synthetic_write(const struct template *one, struct buf *out, struct fault *fault) MUST_USE;
