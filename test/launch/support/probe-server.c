/* A server that tells in what state it was started, and answers to what tests do to it. Linked to the C library as most
 * programs are, so that it starts in every run mode.
 *
 *   PROBE state SPECIAL PRIVATE   one line of JSON; SPECIAL and PRIVATE are names to look at
 *   PROBE arguments ...           argv, a NUL behind each
 *   PROBE environment             the environment, likewise
 *   PROBE copy [FILE]             stdin, or a file, to stdout
 *   PROBE speak                   a line to stdout, another to stderr
 *   PROBE exit STATUS, PROBE raise SIGNAL
 *   PROBE wait                    "PID PARENT CHILD", the child a process that it leaves alone; then it waits for a
 *                                 signal, of which it tells the number and exits with 7 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void list_signals(const char *name, int (*holds)(int)) {
	const char *comma = "";
	printf("\"%s\":[", name);
	/* 32 and 33 are the C library's own. */
	for (int signal = 1; signal < 32; signal++) {
		if (!holds(signal)) continue;
		printf("%s%d", comma, signal);
		comma = ",";
	}
	printf("],");
}

static int is_ignored(int signal) {
	struct sigaction action;
	return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int is_blocked(int signal) {
	sigset_t set;
	return sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, signal);
}

static void list_descriptors(void) {
	const char *comma = "";
	printf("\"descriptors\":[");
	for (int descriptor = 0; descriptor < 1024; descriptor++) {
		if (fcntl(descriptor, F_GETFD) == -1) continue;
		printf("%s%d", comma, descriptor);
		comma = ",";
	}
	printf("],");
}

static int takes_files(const char *directory) {
	char path[4096];
	snprintf(path, sizeof path, "%s/probe-XXXXXX", directory);
	int descriptor = mkstemp(path);
	return descriptor >= 0 && write(descriptor, "x", 1) == 1 && unlink(path) == 0;
}

static int takes_bytes(const char *device) {
	int descriptor = open(device, O_WRONLY);
	return descriptor >= 0 && write(descriptor, "x", 1) == 1;
}

static struct stat of(const char *path) {
	struct stat status = {.st_uid = -1};
	stat(path, &status);
	return status;
}

static void tell_first_line(const char *name, const char *path) {
	char line[256] = "";
	FILE *file = fopen(path, "r");
	if (file != NULL && fgets(line, sizeof line, file) == NULL) *line = 0;
	line[strcspn(line, "\n")] = 0;
	printf("\"%s\":\"%s\",", name, line);
}

static const char *address_of(const char *host) {
	struct addrinfo hints = {.ai_family = AF_INET}, *found;
	static char text[64];
	int problem = getaddrinfo(host, NULL, &hints, &found);
	if (problem != 0) return gai_strerror(problem);
	return inet_ntop(AF_INET, &((struct sockaddr_in *)found->ai_addr)->sin_addr, text, sizeof text);
}

static const char *variable(const char *name, const char *otherwise) {
	const char *value = getenv(name);
	return value == NULL ? otherwise : value;
}

static void tell_process(void) {
	struct rlimit files;
	struct { unsigned version; int pid; } header = {0x20080522, 0};
	unsigned sets[6] = {0};
	char directory[4096] = "";
	getrlimit(RLIMIT_NOFILE, &files);
	syscall(SYS_capget, &header, sets);
	mode_t mask = umask(0);
	umask(mask);
	if (getcwd(directory, sizeof directory) == NULL) *directory = 0;
	printf("\"user\":[%d,%d,%d,%d],\"groups\":%d,", getuid(), geteuid(), getgid(), getegid(), getgroups(0, NULL));
	printf("\"capabilities\":%u,", sets[0] | sets[1] | sets[3] | sets[4]);
	printf("\"noNewPrivileges\":%d,", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	printf("\"umask\":\"%03o\",\"nice\":%d,", mask, getpriority(PRIO_PROCESS, 0));
	printf("\"files\":[%ld,%ld],", (long)files.rlim_cur, (long)files.rlim_max);
	printf("\"processGroup\":%d,", getpgrp());
	printf("\"directory\":\"%s\",\"directoryOwner\":%d,", directory, of(".").st_uid);
	printf("\"blocking\":%s,", fcntl(1, F_GETFL) & O_NONBLOCK ? "false" : "true");
	list_descriptors();
	list_signals("ignored", is_ignored);
	list_signals("blocked", is_blocked);
}

static void tell_files(const char *special, const char *private) {
	struct stat home = of(variable("HOME", ""));
	time_t start = 0;
	tell_first_line("certificates", variable("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"));
	printf("\"zone\":\"%s\",", localtime(&start)->tm_zone);
	printf("\"localhost\":\"%s\",", address_of("localhost"));
	printf("\"special\":\"%o\",\"owner\":%d,", of(special).st_mode & 07777, of(private).st_uid);
	printf("\"null\":%d,\"sharedMemory\":%d,", takes_bytes("/dev/null"), takes_files("/dev/shm"));
	printf("\"temporary\":[%d,\"%o\"],", takes_files(variable("TMPDIR", "/tmp")), of(variable("TMPDIR", "/tmp")).st_mode & 07777);
	printf("\"home\":[%d,%d]", takes_files(variable("HOME", "")), home.st_uid);
}

static void answer(int signal) {
	char text[8];
	int length = snprintf(text, sizeof text, "%d\n", signal);
	_exit(write(1, text, length) == length ? 7 : 8);
}

static int wait_for_signal(void) {
	static const int known[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};
	pid_t self = getpid();
	pid_t child = fork();
	if (child == 0) {
		/* Its output would stay open, and it must not stay for ever itself. */
		for (int descriptor = 0; descriptor < 3; descriptor++) close(descriptor);
		return sleep(60);
	}
	for (size_t at = 0; at < sizeof known / sizeof *known; at++)
		if (!is_ignored(known[at])) signal(known[at], answer);
	printf("%d %d %d\n", self, getppid(), child);
	fflush(stdout);
	for (;;) pause();
}

static int copy(int source) {
	static char bytes[65536];
	ssize_t length;
	while ((length = read(source, bytes, sizeof bytes)) > 0)
		for (ssize_t at = 0, written; at < length; at += written)
			if ((written = write(1, bytes + at, length - at)) < 0) return 1;
	return length != 0;
}

int main(int argc, char **argv, char **environment) {
	const char *command = argc > 1 ? argv[1] : "";
	if (!strcmp(command, "state") && argc == 4) {
		printf("{");
		tell_process();
		tell_files(argv[2], argv[3]);
		puts("}");
	} else if (!strcmp(command, "arguments")) {
		for (int at = 0; at < argc; at++) fwrite(argv[at], strlen(argv[at]) + 1, 1, stdout);
	} else if (!strcmp(command, "environment")) {
		for (; *environment != NULL; environment++) fwrite(*environment, strlen(*environment) + 1, 1, stdout);
	} else if (!strcmp(command, "copy")) {
		return copy(argc > 2 ? open(argv[2], O_RDONLY) : 0);
	} else if (!strcmp(command, "speak")) {
		return dprintf(1, "to stdout\n") < 0 || dprintf(2, "to stderr\n") < 0;
	} else if (!strcmp(command, "exit") && argc == 3) {
		return atoi(argv[2]);
	} else if (!strcmp(command, "raise") && argc == 3) {
		raise(atoi(argv[2]));
	} else if (!strcmp(command, "wait")) {
		return wait_for_signal();
	} else {
		return 64;
	}
	return 0;
}
