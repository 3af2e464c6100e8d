/* Prints a TCP port of 127.0.0.1 that nothing listens on, for servers that cannot choose one themselves. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &n)) {
		perror("freeport");
		return 1;
	}
	printf("%u\n", ntohs(a.sin_port));
	return 0;
}
