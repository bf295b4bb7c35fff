/* What a synapse between neurons lets through. */
static inline float recurrent_opening(float y) { return opening(y); }
