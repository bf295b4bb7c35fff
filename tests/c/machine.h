/* Machines without an operating system: how a character is written, how a program starts and ends. */
#if defined __arm__ /* Cortex-M: semihosting */
static int32_t ask(int32_t what, const void *with) {
    register int32_t r0 __asm__("r0") = what;
    register const void *r1 __asm__("r1") = with;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}
static void write_char(char c) { (void)ask(3, &c); }
static void leave(int code) {
    (void)ask(0x18, (const void *)(code ? 0x20024 : 0x20026)); /* an error, or the program's end */
    for (;;) {
    }
}
int main(void);
extern char _stack[];
static void start(void) {
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* the floating-point unit */
    __asm__ volatile("dsb\n\tisb");
#endif
    main();
}
__attribute__((section(".vectors"), used)) static const void *const vectors[] = {_stack, (const void *)start};

#elif defined __riscv /* qemu's user mode: system calls of Linux */
static long ask(long what, long first, long second, long third) {
    register long a0 __asm__("a0") = first, a1 __asm__("a1") = second, a2 __asm__("a2") = third;
    register long a7 __asm__("a7") = what;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}
static void write_char(char c) { (void)ask(64, 1, (long)&c, 1); }
static void leave(int code) {
    (void)ask(93, code, 0, 0);
    for (;;) {
    }
}
int main(void);
void _start(void) { main(); }

#elif defined __AVR__ /* simavr shows what the serial line sends, and ends at a sleep without interrupts */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
static void write_char(char c) {
    UCSR0B = 1 << TXEN0;
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = (uint8_t)c;
}
static void leave(int code) {
    if (code) write_char('!');
    write_char('\n');
    cli();
    sleep_enable();
    sleep_cpu();
    for (;;) {
    }
}
#endif
