/* What a synapse between neurons lets through. Their states stay within LARGEST_STATE, where no exponent
 * leaves the range of power_within: proved when this was generated. */
static inline float recurrent_opening(float y) { return 1.0f / (1.0f + power_within(y)); }
