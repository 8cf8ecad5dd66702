"""Apertium's programs, run on many sentences at once: one answer for each, in order, or none.

    stage = Stage([["lt-proc", "-z", "es-pt.automorf.bin"], ["apertium-pretransfer", "-z"]], environment, tagger=False)
    stage.run([FIRST, "Hola[0].[]"])            # what the last program answers to each message

A message ends with NUL; there every program (`-z`) writes its answer before it reads on.
"""

import os
import select
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from tempfile import TemporaryFile
from threading import Thread, Timer
from typing import IO

# A run without output for so long hangs; a sentence takes about a millisecond.
PATIENCE_SECONDS = 60
# The message before the first sentence, so that every sentence has one before it.
FIRST = ".[]"


class Stage:
    """Programs in one pipe, or the tagger, which gets one sentence at a time."""

    def __init__(self, commands: list[list[str]], environment: Mapping[str, str], tagger: bool) -> None:
        self.commands, self.environment, self.tagger = commands, environment, tagger
        self.complaint = ""

    def run(self, messages: Sequence[str]) -> Sequence[str | None]:
        """Return the answer to each message; None, or no more answers, after a program failed."""
        with ExitStack() as stack:
            # A file for each program: of several that complain, the last in the pipe is the cause, whoever wrote first.
            said = [stack.enter_context(TemporaryFile()) for _ in self.commands]
            try:
                return self._ask_each(messages, said[0]) if self.tagger else self._ask_all(messages, said)
            except OSError as error:
                self.complaint = str(error)
                return []
            finally:
                for file in said:
                    file.seek(0)
                    lines = file.read().decode(errors="replace").strip().splitlines()
                    self.complaint = lines[-1] if lines else self.complaint

    def _start(self, command: list[str], source: "IO[bytes] | int", said: IO[bytes]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=said, env=self.environment)

    def _ask_all(self, messages: Sequence[str], said: Sequence[IO[bytes]]) -> list[str]:
        programs: list[subprocess.Popen[bytes]] = []
        data = "".join(f"{message}\0" for message in messages).encode()

        def kill() -> None:
            for program in programs:
                program.kill()

        timer = Timer(PATIENCE_SECONDS + 0.02 * len(messages), kill)
        try:
            for command, errors in zip(self.commands, said, strict=True):
                before = programs[-1].stdout if programs else None
                programs.append(self._start(command, before or subprocess.PIPE, errors))
                if before:
                    before.close()  # so that the one before notices when this one ends
            timer.start()
            feeder = Thread(target=_feed, args=(_pipe(programs[0].stdin), data))
            feeder.start()
            output = _pipe(programs[-1].stdout).read()
            feeder.join()
        finally:
            timer.cancel()
            kill()
            for program in programs:
                _end(program)
        # Each program ends its output with one more NUL.
        return output.decode(errors="replace").split("\0")[:-1][: len(messages)]

    def _ask_each(self, messages: Sequence[str], said: IO[bytes]) -> list[str | None]:
        # With -d it reports a class of ambiguity that its model lacks before it answers.
        command = [*self.commands[0][:1], "-d", *self.commands[0][1:]]
        program: subprocess.Popen[bytes] | None = None
        answers: list[str | None] = []
        try:
            for message in messages:
                if program is None:
                    program = self._start(command, subprocess.PIPE, said)
                    _ask(program, FIRST)
                seen = os.fstat(said.fileno()).st_size
                answers.append(_ask(program, message))
                if answers[-1] is None or b"ambiguity class" in os.pread(said.fileno(), 1 << 20, seen):
                    _end(program)
                    program = None
        finally:
            if program:
                _end(program)
        return answers


def _ask(program: "subprocess.Popen[bytes]", message: str) -> str | None:
    """Return a running program's answer to one message; None if it ends or hangs."""
    into, out = _pipe(program.stdin).fileno(), _pipe(program.stdout).fileno()
    question, answer = f"{message}\0".encode(), b""
    try:
        while not answer.endswith(b"\0"):
            readable, writable, _ = select.select([out], [into] if question else [], [], PATIENCE_SECONDS)
            if writable:
                question = question[os.write(into, question[: select.PIPE_BUF]) :]
            block = os.read(out, 1 << 16) if readable else b""
            answer += block
            if not block and (readable or not writable):
                return None
    except OSError:
        return None
    return answer[:-1].decode(errors="replace")


def _feed(pipe: IO[bytes], data: bytes) -> None:
    try:
        with pipe:
            pipe.write(data)
    except OSError:
        pass  # the program ended; the number of answers shows it


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("not started with a pipe")
    return pipe


def _end(program: "subprocess.Popen[bytes]") -> None:
    program.kill()
    for pipe in (program.stdin, program.stdout):
        if pipe:
            pipe.close()
    program.wait()
