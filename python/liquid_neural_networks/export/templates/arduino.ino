/* A sample of $name at a time: reads sensors, and sends the outputs over the serial line. */
#include <$name.h>

static ${name}_state state;
static unsigned long before;

/* Input k, as ${name}.h says, in the units of what the network was trained on; NAN if it is missing. */
static float read_sensor(int k) {
    return analogRead(A0 + k) / 1023.0f; /* put your sensors here */
}

void setup() {
    Serial.begin(115200);
    ${name}_init(&state);
    before = micros();
}

void loop() {
    $input_type inputs[${NAME}_INPUTS];
    $output_type outputs[${NAME}_OUTPUTS];
    for (int k = 0; k < ${NAME}_INPUTS; k++) inputs[k] = $read;
$step    for (int o = 0; o < ${NAME}_OUTPUTS; o++) Serial.println($printed, 6);
$label    delay($delay);
}
