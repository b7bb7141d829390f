/* Verifier `NAME`: the last line of the response is the reference, but for the case of ASCII's letters and a `\boxed{}` around it.
 *
 * In: a problem and a response. Out: a grade with the place of the answer. Only the text is compared: `0.5` is not
 * `1/2`.
 * What the host hands over is the callee's to free, and what is handed back is freed by the bindings: hence the copies.
 */

#include <string.h>

#include "ts_host.h"

/* A part of a text: texts have a length, and may hold zeros. */
typedef struct {
  const uint8_t *ptr;
  size_t len;
} slice;

/* What is white space in every language of the templates. */
static bool is_space(uint8_t byte) {
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static slice strip(slice text) {
  while (text.len > 0 && is_space(text.ptr[text.len - 1])) text.len--;
  while (text.len > 0 && is_space(text.ptr[0])) text.ptr++, text.len--;
  return text;
}

static slice last_line(slice text) {
  size_t start = text.len;
  while (start > 0 && text.ptr[start - 1] != '\n') start--;
  return (slice){text.ptr + start, text.len - start};
}

/* What stands in a `\boxed{}` that is all of the line; the line, where it is none. */
static slice unboxed(slice line) {
  static const char box[] = "\\boxed{";
  size_t len = sizeof box - 1;
  if (line.len <= len || memcmp(line.ptr, box, len) != 0 || line.ptr[line.len - 1] != '}') return line;
  return strip((slice){line.ptr + len, line.len - len - 1});
}

static uint8_t lower(uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
}

static bool same(slice one, slice other) {
  if (one.len != other.len) return false;
  for (size_t at = 0; at < one.len; at++) {
    if (lower(one.ptr[at]) != lower(other.ptr[at])) return false;
  }
  return true;
}

void exports_plugin_describe(exports_plugin_description_t *ret) {
  *ret = (exports_plugin_description_t){0}; /* no settings */
  ts_host_string_dup(&ret->name, "NAME");
  ts_host_string_dup(&ret->version, "0.1.0");
  ts_host_string_dup(&ret->summary, "SUMMARY");
}

bool exports_plugin_configure(exports_plugin_list_setting_t *settings, ts_host_string_t *err) {
  (void)err;
  exports_plugin_list_setting_free(settings);
  return true;
}

bool exports_verifier_grade(exports_verifier_problem_t *problem, ts_host_string_t *response, exports_verifier_graded_t *ret,
                            ts_host_string_t *err) {
  (void)err; /* a text here, and `false` returned: this problem cannot be graded at all */
  slice reference = strip((slice){problem->reference.ptr, problem->reference.len});
  slice answer = unboxed(strip(last_line(strip((slice){response->ptr, response->len}))));
  *ret = (exports_verifier_graded_t){0}; /* no partial credit, note and tests */
  if (reference.len == 0) {
    ret->verdict.tag = EXPORTS_VERIFIER_VERDICT_BAD_REFERENCE;
    ts_host_string_dup(&ret->verdict.val.bad_reference, "the reference is empty");
  } else if (answer.len == 0) {
    ret->verdict.tag = EXPORTS_VERIFIER_VERDICT_NO_ANSWER;
  } else {
    bool correct = same(answer, reference);
    ret->verdict.tag = correct ? EXPORTS_VERIFIER_VERDICT_CORRECT : EXPORTS_VERIFIER_VERDICT_INCORRECT;
    ret->score = correct ? 1.0 : 0.0;
    uint32_t start = answer.ptr - response->ptr;
    ret->answer.is_some = true;
    ret->answer.val = (exports_verifier_span_t){start, start + answer.len};
  }
  exports_verifier_problem_free(problem);
  ts_host_string_free(response);
  return true;
}
