/* Selection policy `NAME`: imitate the shortest correct response, and prefer it to each wrong one.
 *
 * In: a graded group. Out: indices. How hard the problem is does not count. Of equally short responses the first drawn
 * is taken; a response without an answer is a wrong one, and one that was not graded is neither.
 * What the host hands over is the callee's to free, and what is handed back is freed by the bindings: hence `malloc`.
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

static void *allocated(size_t size) {
  void *memory = malloc(size);
  if (!memory) abort();
  return memory;
}

bool exports_selection_policy_select(exports_selection_policy_group_t *group, exports_selection_policy_selection_t *ret,
                                     ts_host_string_t *err) {
  (void)err; /* a text here, and `false` returned: nothing can be said of this group at all */
  const exports_selection_policy_candidate_t *responses = group->responses.ptr;
  size_t n = group->responses.len, chosen = n;
  *ret = (exports_selection_policy_selection_t){0};
  for (size_t at = 0; at < n; at++) {
    if (responses[at].outcome != EXPORTS_SELECTION_POLICY_OUTCOME_CORRECT) continue;
    if (chosen == n || responses[at].length < responses[chosen].length) chosen = at;
  }
  if (chosen < n) {
    ret->positives.ptr = allocated(sizeof *ret->positives.ptr);
    ret->positives.ptr[ret->positives.len++] = (exports_selection_policy_positive_t){.response = chosen, .weight = 1.0};
    ret->pairs.ptr = allocated(n * sizeof *ret->pairs.ptr);
    for (size_t at = 0; at < n; at++) {
      exports_selection_policy_outcome_t outcome = responses[at].outcome;
      if (outcome == EXPORTS_SELECTION_POLICY_OUTCOME_INCORRECT || outcome == EXPORTS_SELECTION_POLICY_OUTCOME_NO_ANSWER) {
        ret->pairs.ptr[ret->pairs.len++] = (exports_selection_policy_pair_t){chosen, at, 1.0};
      }
    }
    if (ret->pairs.len == 0) free(ret->pairs.ptr); /* the bindings free no empty list */
  }
  exports_selection_policy_group_free(group);
  return true;
}
