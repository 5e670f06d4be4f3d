"""What a test process must not inherit from whoever started it: variables, ignored signals, a mask, a home, a time zone.

Tests run alike in a terminal, under ``nohup``, in the background of a shell, in a CI job and as a cron job. Child processes
inherit what is set here. A test that is about one of these sets it by itself.
"""

from __future__ import annotations

import atexit
import os
import resource
import shutil
import signal
import tempfile

KNOBS = frozenset({"SNAPPLAN_FAULTS"})
"""Variables by which a person chooses what is tested."""

NAMES = frozenset(
    {
        *(
            "CI",
            "TF_BUILD",
            "BUILD_TAG",
            "BUILD_ID",
            "JOB_NAME",
            "TEAMCITY_VERSION",
            "SOURCE_DATE_EPOCH",
            "POSIXLY_CORRECT",
        ),
        *("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "COLUMNS", "LINES", "TERM_PROGRAM"),
        *(
            "LANG",
            "LANGUAGE",
            "LOCPATH",
            "TZ",
            "EDITOR",
            "VISUAL",
            "PAGER",
            "LESS",
            "CDPATH",
            "BASH_ENV",
            "ENV",
            "DC1_TOKEN",
        ),
        *("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF", "NETRC"),
        *(
            "PYTHONPATH",
            "PYTHONHOME",
            "PYTHONUTF8",
            "PYTHONIOENCODING",
            "PYTHONWARNINGS",
            "PYTHONOPTIMIZE",
            "PYTHONDEVMODE",
        ),
        *("PYTHONSAFEPATH", "PYTHONUNBUFFERED", "PYTHONVERBOSE", "PYTHONDEBUG", "PYTHONASYNCIODEBUG", "PYTHONHASHSEED"),
        *(
            "PYTHONTRACEMALLOC",
            "PYTHONMALLOC",
            "PYTHONINSPECT",
            "PYTHONSTARTUP",
            "PYTHONCOERCECLOCALE",
            "PYTHONNOUSERSITE",
        ),
        *("NOTIFY_SOCKET", "INVOCATION_ID", "JOURNAL_STREAM"),
    }
)
PREFIXES = (
    *(
        "SNAPPLAN_",
        "_SNAPPLAN_",
        "GIT_",
        "XDG_",
        "LC_",
        "GITHUB_",
        "GITLAB_",
        "CI_",
        "RUNNER_",
        "JENKINS_",
        "BUILDKITE",
    ),
    *("SUDO_", "VERGE_", "VRG_", "CURL_", "PYDANTIC_", "HYPOTHESIS_", "RICH_", "MAKE", "MFLAGS", "CANARY_"),
)
SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def isolate() -> None:
    """Put this process into the state that every test may rely on."""
    for name in list(os.environ):
        if inherited(name):
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="snapplan-tests-home-")
    atexit.register(_remove, home, os.getpid())
    os.environ.update(
        HOME=home,
        LANG="C.UTF-8",
        TERM="dumb",
        # Nobody's: what takes local time for UTC is wrong by 12 h 45 m. It needs no file of time zones.
        TZ="<+1245>-12:45",
        GIT_CONFIG_GLOBAL=os.devnull,
        GIT_CONFIG_NOSYSTEM="1",
    )
    os.umask(0o022)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, ignore)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def inherited(name: str) -> bool:
    """Say whether a variable is taken away."""
    if name in KNOBS:
        return False
    return name in NAMES or name.startswith(PREFIXES) or name.lower().endswith("_proxy")


def ignore(*_: object) -> None:
    """Do nothing, as an ignored signal; but a new program gets the default of a signal that has a handler."""


def _remove(home: str, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(home, ignore_errors=True)
