/* Step splitter `NAME`: a step ends with a blank line, which belongs to the step that it ends.
 *
 * In: a text. Out: places that tile it. Headings, lists and other structure are ignored. Where a step starts depends on
 * the text up to its first character alone, so a text that grows keeps its steps.
 * What the host hands over is the callee's to free, and what is handed back is freed by the bindings: hence the copies.
 */

#include <stdlib.h>

#include "ts_host.h"

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

/* Adds a step to a list whose memory doubles. */
static void push(exports_step_splitter_list_span_t *steps, uint32_t start, uint32_t end) {
  if ((steps->len & (steps->len - 1)) == 0) {
    steps->ptr = realloc(steps->ptr, (steps->len ? 2 * steps->len : 1) * sizeof *steps->ptr);
    if (!steps->ptr) abort();
  }
  steps->ptr[steps->len++] = (exports_step_splitter_span_t){start, end};
}

bool exports_step_splitter_split(ts_host_string_t *text, exports_step_splitter_list_span_t *ret, ts_host_string_t *err) {
  (void)err; /* a text here, and `false` returned: this text cannot be split at all */
  size_t start = 0, line_breaks = 0;
  bool has_text = false;
  *ret = (exports_step_splitter_list_span_t){0};
  for (size_t at = 0; at < text->len; at++) {
    switch (text->ptr[at]) {
      case '\n':
        line_breaks++;
        break;
      case ' ':
      case '\t':
      case '\r':
        break;
      default:
        if (has_text && line_breaks > 1) {
          push(ret, start, at);
          start = at;
        }
        line_breaks = 0;
        has_text = true;
    }
  }
  if (text->len > 0) push(ret, start, text->len);
  ts_host_string_free(text);
  return true;
}
