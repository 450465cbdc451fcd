/* An MCP server on stdio that tells what its process is and sees. Static, so that it starts in every run mode. It finds
 * members by their names and reads no escapes, which is enough for what tests send.
 *
 * The name of a tool that is called, its `path` and its `text`:
 *   state   "PID UID GID GROUPS NO_NEW_PRIVILEGES UMASK DESCRIPTOR,..."
 *   put     writes text to path           get    the content of path
 *   open    "yes", or why path cannot be opened and read
 *   start   starts a process that stays, and tells its PID */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static char answer[65536];

/* The value of the first member of that name, without the quotes of a string; empty where there is none. */
static char *member(const char *line, const char *name, int quoted) {
	static char values[4][4096];
	static int next;
	char *value = values[next++ % 4], *start, wanted[64];
	snprintf(wanted, sizeof wanted, "\"%s\":", name);
	*value = 0;
	if ((start = strstr(line, wanted)) == NULL) return value;
	start += strlen(wanted) + quoted;
	size_t length = strcspn(start, quoted ? "\"" : ",}");
	snprintf(value, sizeof values[0], "%.*s", (int)length, start);
	return value;
}

static void tell_state(void) {
	mode_t mask = umask(0);
	umask(mask);
	int length = sprintf(answer, "%d %d %d %d %d %03o ", getpid(), geteuid(), getegid(), getgroups(0, NULL),
			     prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), mask);
	for (int descriptor = 0; descriptor < 1024; descriptor++)
		if (fcntl(descriptor, F_GETFD) != -1) length += sprintf(answer + length, "%d,", descriptor);
	answer[length - 1] = 0;
}

static void get(const char *path) {
	int file = open(path, O_RDONLY);
	ssize_t length = file < 0 ? -1 : read(file, answer, 4096);
	if (length < 0) snprintf(answer, sizeof answer, "%s", strerror(errno));
	else answer[length] = 0;
	close(file);
}

static void put(const char *path, const char *text) {
	FILE *file = fopen(path, "w");
	int bad = file == NULL || fputs(text, file) < 0 || fclose(file) != 0;
	strcpy(answer, bad ? strerror(errno) : "done");
}

static void try_to_open(const char *path) {
	char byte;
	int file = open(path, O_RDONLY);
	/* The first page of memory is nobody's: EIO comes after the permission. */
	int bad = file < 0 || (read(file, &byte, 1) < 0 && errno != EIO);
	strcpy(answer, bad ? strerror(errno) : "yes");
	close(file);
}

static void start(void) {
	pid_t child = fork();
	if (child != 0) {
		sprintf(answer, "%d", child);
		return;
	}
	for (int descriptor = 0; descriptor < 3; descriptor++) close(descriptor);
	for (;;) pause();
}

static void reply(const char *id, const char *kind, const char *text) {
	printf("{\"jsonrpc\":\"2.0\",\"id\":%s,\"%s\":%s}\n", id, kind, text);
	fflush(stdout);
}

static void call(const char *id, const char *line) {
	static char result[sizeof answer + 64];
	const char *tool = member(line, "name", 1), *path = member(line, "path", 1);
	strcpy(answer, "no such tool");
	if (!strcmp(tool, "state")) tell_state();
	if (!strcmp(tool, "put")) put(path, member(line, "text", 1));
	if (!strcmp(tool, "get")) get(path);
	if (!strcmp(tool, "open")) try_to_open(path);
	if (!strcmp(tool, "start")) start();
	snprintf(result, sizeof result, "{\"content\":[{\"type\":\"text\",\"text\":\"%s\"}]}", answer);
	reply(id, "result", result);
}

int main(void) {
	char *line = NULL;
	size_t room = 0;
	while (getline(&line, &room, stdin) > 0) {
		char id[256];
		snprintf(id, sizeof id, "%s", member(line, "id", 0));
		const char *method = member(line, "method", 1);
		if (*id == 0) continue;
		if (!strcmp(method, "initialize"))
			reply(id, "result", "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},"
					    "\"serverInfo\":{\"name\":\"witness\",\"version\":\"1\"}}");
		else if (!strcmp(method, "tools/list")) reply(id, "result", "{\"tools\":[]}");
		else if (!strcmp(method, "tools/call")) call(id, line);
		else reply(id, "error", "{\"code\":-32601,\"message\":\"no such method\"}");
	}
	return 0;
}
