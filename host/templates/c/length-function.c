/* Length function `NAME`: the number of Unicode characters, plus one.
 *
 * In: a text and its number of tokens. Out: a length. A letter and its combining accent count as two characters. The
 * one is for the end of the text: a length must be above 0.
 * What the host hands over is the callee's to free, and what is handed back is freed by the bindings: hence the copies.
 */

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

bool exports_length_function_measure(ts_host_string_t *text, uint32_t tokens, double *ret, ts_host_string_t *err) {
  (void)tokens;
  (void)err; /* a text here, and `false` returned: this text cannot be measured at all */
  size_t characters = 0;
  for (size_t at = 0; at < text->len; at++) {
    if ((text->ptr[at] & 0xC0) != 0x80) characters++; /* every byte of UTF-8 but those that go on with a character */
  }
  ts_host_string_free(text);
  *ret = characters + 1.0;
  return true;
}
