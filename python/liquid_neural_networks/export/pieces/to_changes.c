/* ---- changes -------------------------------------------------------------------------------------
 *
 * The network is fed by how much some inputs changed, and puts out by how much they will have changed.
 * latest has the latest known value of each output.
 */
static void to_changes(float *latest, float *u) {
    for (int o = 0; o < OUTPUTS; o++) {
        const float level = u[change_input[o]];
        if (is_missing(level)) continue;
        u[change_input[o]] = is_missing(latest[o]) ? 0.0f : level - latest[o];
        latest[o] = level;
    }
}

/* Nothing is predicted before a value is known. */
static void from_changes(const float *latest, float *outputs) {
    for (int o = 0; o < OUTPUTS; o++) {
        outputs[o] = is_missing(latest[o]) ? not_a_number() : outputs[o] + latest[o];
    }
}
