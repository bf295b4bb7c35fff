static float elastance(float l, float unused) {
    (void)unused;
    return sigmoid(l);
}
