/* SPDX-License-Identifier: Apache-2.0 */
/* A program without a dynamic linker, for the transparency test. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int status = 0;

	printf("static\n");
	fflush(stdout);
	if (fork() == 0) {
		printf("child\n");
		fflush(stdout);
		_exit(21);
	}
	wait(&status);
	printf("%d\n", WEXITSTATUS(status));
	return 17;
}
