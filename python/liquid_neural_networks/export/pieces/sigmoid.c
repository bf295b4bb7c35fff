/* 1 / (1 + e^-x) */
static float sigmoid(float x) { return opening(-1.44269504f * x); }
