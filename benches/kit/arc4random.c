// libstdc++ names this function of glibc 2.36, for random devices that no program of the kit makes. With one of our own the
// programs start on older systems, too.
unsigned arc4random(void);

unsigned arc4random(void)
{
    __builtin_trap();
}
