/* hello: greets, and shows what a program was started with. */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    printf("Hello from process %d.\n", (int)getpid());
    for (int n = 1; n < argc; n++)
        printf("argument %d: %s\n", n, argv[n]);
    return 0;
}
