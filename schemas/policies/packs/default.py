"""The pack ``default``: content that is not trusted never chooses what an effect does, and to whom."""

from typing import Final

TEXT: Final = r"""
name: default
description: >-
  Untrusted content (third_party, web, unlabelled) never chooses recipients, URLs, amounts, paths or commands of tools
  with effects. Agents never have untrusted content, private data and an effect at once without a person's yes.
  Data with readers goes to them alone.
extends: [providers]
effects: deny
values:
  private: [pii, secret, health, card]

endorse:
  # What a person wrote, word for word, was chosen by the person. Commands are never endorsed so, nor are plain words,
  # such as a file that is named `summary`.
  - {by: verbatim, sinks: [recipient, url, path], min_chars: 6, marked: true}
  # Short numbers stand everywhere by accident: an amount counts behind its currency alone.
  - {by: verbatim, sinks: [amount], min_chars: 1000, after: [$, €, £, ¥, EUR, USD, GBP, CHF, JPY, amount, amount of]}

rules:
  - id: recipient
    at: tool_call
    when: sinks.exists(s, s.sink == 'recipient' && !s.trusted)
    verdict: deny
    reason: content that is not trusted chose a recipient
  - id: url
    at: tool_call
    when: sinks.exists(s, s.sink == 'url' && !s.trusted)
    verdict: deny
    reason: content that is not trusted chose a URL
  - id: amount
    at: tool_call
    when: sinks.exists(s, s.sink == 'amount' && !s.trusted)
    verdict: deny
    reason: content that is not trusted chose an amount
  - id: path
    at: tool_call
    when: sinks.exists(s, s.sink == 'path' && !s.trusted)
    verdict: deny
    reason: content that is not trusted chose a path
  - id: command
    at: tool_call
    when: sinks.exists(s, s.sink == 'command' && !s.trusted)
    verdict: deny
    reason: content that is not trusted wrote a command
  - id: unknown_sink
    at: tool_call
    when: tool.declared && sinks.exists(s, s.sink == 'unknown' && !s.trusted)
    verdict: deny
    reason: content that is not trusted chose an argument of which nothing is declared; declare its sink
  - id: undeclared
    at: tool_call
    when: "!tool.declared && (context.integrity > USER || control.integrity > USER || sinks.exists(s, !s.trusted))"
    verdict: deny
    reason: the tool is not declared, and content that is not trusted has part in the call; declare the tool
  - id: choice
    at: tool_call
    when: tool.effects && node.kind != 'agent' && control.integrity > USER
    verdict: ask
    reason: content that is not trusted decided that this is done
  - id: nothing_chosen
    at: tool_call
    when: >-
      tool.effects && node.kind == 'agent' && context.integrity > USER
      && !sinks.exists(s, s.sink != 'content' && s.trusted)
    verdict: ask
    reason: an agent that has read content that is not trusted does this, and no argument is a person's choice
  - id: rule_of_two
    at: tool_call
    when: >-
      tool.effects && node.kind == 'agent' && context.integrity > USER
      && context.classes.exists(c, c in values.private)
    verdict: ask
    reason: an agent has read content that is not trusted and private data, and wants an effect
  - id: new_link
    at: tool_call
    when: tool.effects && sinks.exists(s, s.new_links.size() > 0)
    verdict: ask
    reason: the content has a link that stands in no trusted text
  - id: readers
    at: tool_call
    when: sinks.exists(s, s.limited && !recipients.all(r, r in s.readers))
    verdict: deny
    reason: a recipient may not read what is sent
  - id: no_reader
    at: tool_call
    when: tool.effects && recipients.size() == 0 && sinks.exists(s, s.limited)
    verdict: ask
    reason: data with readers goes where its readers are not known
  - id: allowed
    at: tool_call
    when: sinks.all(s, s.trusted || s.sink == 'content')
    verdict: allow
    reason: each argument is trusted, or content
  - id: may_read
    at: read
    when: output.limited && !(reader.id in output.readers) && !reader.groups.exists(g, g in output.readers)
    verdict: deny
    reason: the data has readers, and this is none of them

tests:
  - name: a person's recipient is allowed
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      args: {to: ann@example.org, body: hello}
      labels: {$: user}
  - name: content may be of a page
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      args: {to: ann@example.org, body: hello}
      labels: {$.to: user, $.body: web}
  - name: a recipient of a page
    at: tool_call
    expect: deny
    rules: [recipient]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      args: {to: eve@example.org, body: hello}
      labels: {$.to: third_party}
      trusted: [mail ann@example.org]
  - name: an agent may use the recipient that its user wrote
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      node: {id: helper, kind: agent}
      args: {to: ann@example.org, body: hello}
      labels: {$: web}
      context: web
      control: web
      trusted: ["Please mail the summary to ann@example.org."]
  - name: a url of a page
    at: tool_call
    expect: deny
    rules: [url]
    facts:
      tool: {name: act, effects: true, sinks: {to: url}}
      args: {to: https://evil.example/x}
      labels: {$: web}
  - name: a path of a page
    at: tool_call
    expect: deny
    rules: [path]
    facts:
      tool: {name: act, effects: true, sinks: {to: path}}
      args: {to: /etc/passwd}
      labels: {$: web}
  - name: a path that is a plain word of the user
    at: tool_call
    expect: deny
    rules: [path]
    facts:
      tool: {name: delete, effects: true, sinks: {file: path}}
      args: {file: summary}
      labels: {$: web}
      trusted: [mail me a summary of the page]
  - name: a path that its user wrote
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: delete, effects: true, sinks: {file: path}}
      args: {file: notes/summary.txt}
      labels: {$: web}
      trusted: ["delete notes/summary.txt, please"]
  - name: an amount of a page
    at: tool_call
    expect: deny
    rules: [amount]
    facts:
      tool: {name: pay, effects: true, sinks: {to: recipient, sum: amount}}
      args: {to: ann@example.org, sum: 24}
      labels: {$.sum: web}
      trusted: [send it to ann@example.org on June 24]
  - name: an amount that its user wrote
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: pay, effects: true, sinks: {to: recipient, sum: amount}}
      node: {id: helper, kind: agent}
      args: {to: ann@example.org, sum: 24}
      labels: {$: web}
      context: web
      trusted: [send $24.00 to ann@example.org]
  - name: a command is never endorsed
    at: tool_call
    expect: deny
    rules: [command]
    facts:
      tool: {name: run, effects: true, sinks: {line: command}}
      args: {line: "rm -rf everything"}
      labels: {$: web}
      trusted: [please do rm -rf everything now]
  - name: an argument of which nothing is declared
    at: tool_call
    expect: deny
    rules: [unknown_sink]
    facts:
      tool: {name: delete_file, effects: true}
      args: {file_id: 13}
      labels: {$: web}
      trusted: ["by June 13"]
  - name: an undeclared tool with arguments of a page
    at: tool_call
    expect: deny
    rules: [undeclared]
    facts:
      tool: {name: mystery, declared: false, effects: true}
      args: {x: 1}
      labels: {$: web}
  - name: an undeclared tool of an agent that read a page
    at: tool_call
    expect: deny
    rules: [undeclared]
    facts:
      tool: {name: mystery, declared: false, effects: true}
      node: {id: helper, kind: agent}
      context: web
  - name: an undeclared tool that a page chose
    at: tool_call
    expect: deny
    rules: [undeclared]
    facts:
      tool: {name: mystery, declared: false, effects: true}
      control: web
  - name: an undeclared tool with trusted arguments
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: mystery, declared: false, effects: true}
      args: {x: 1}
  - name: a page decides that a person is notified
    at: tool_call
    expect: ask
    rules: [choice]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      node: {id: send, kind: tool}
      args: {to: ann@example.org, body: hello}
      control: web
  - name: an agent that read a page acts without a choice of its user
    at: tool_call
    expect: ask
    rules: [nothing_chosen]
    facts:
      tool: {name: create_event, effects: true, sinks: {title: content}}
      node: {id: helper, kind: agent}
      args: {title: lunch}
      labels: {$: web}
      context: web
  - name: an agent that read no page acts
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: create_event, effects: true, sinks: {title: content}}
      node: {id: helper, kind: agent}
      args: {title: lunch}
      labels: {$: user}
      context: user class:pii
  - name: the rule of two
    at: tool_call
    expect: ask
    rules: [rule_of_two]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      node: {id: helper, kind: agent}
      args: {to: ann@example.org, body: hello}
      labels: {$: web class:pii}
      context: web class:pii
      trusted: ["Please mail the summary to ann@example.org."]
  - name: a link that nobody wrote
    at: tool_call
    expect: ask
    rules: [new_link]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      args: {to: ann@example.org, body: "see https://evil.example/?d=1"}
      labels: {$.body: web, $.to: user}
      trusted: [about https://evil.example]
  - name: a link that the user wrote
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      args: {to: ann@example.org, body: "see https://good.example/a."}
      labels: {$.body: web, $.to: user}
      trusted: [about https://good.example/a]
  - name: a recipient who may not read it
    at: tool_call
    expect: deny
    rules: [readers]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      args: {to: [ann@example.org, bob@example.org], body: hello}
      labels: {$.body: "user reader:ann@example.org", $.to: user}
  - name: recipients who may read it
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      args: {to: [ann@example.org, bob@example.org], body: hello}
      labels: {$.body: "user reader:ann@example.org reader:bob@example.org", $.to: user}
  - name: data with readers goes where its readers are not known
    at: tool_call
    expect: ask
    rules: [no_reader]
    facts:
      tool: {name: post, effects: true, sinks: {channel: url, text: content}}
      args: {channel: "https://good.example/a", text: hello}
      labels: {$.text: "user reader:ann@example.org", $.channel: user}
  - name: an undeclared tool of an agent that read a known system's data
    at: tool_call
    expect: deny
    rules: [undeclared]
    facts:
      tool: {name: mystery, declared: false, effects: true}
      node: {id: helper, kind: agent}
      context: third_party
  - name: an undeclared tool that a known system's data chose
    at: tool_call
    expect: deny
    rules: [undeclared]
    facts:
      tool: {name: mystery, declared: false, effects: true}
      control: third_party
  - name: an undeclared tool with one argument of a page
    at: tool_call
    expect: deny
    rules: [undeclared]
    facts:
      tool: {name: mystery, declared: false, effects: true}
      args: {x: 1, y: 2}
      labels: {$.y: web}
      context: trusted
  - name: an undeclared tool of an agent that read what its user wrote
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: mystery, declared: false, effects: true}
      node: {id: helper, kind: agent}
      args: {x: 1}
      labels: {$: user}
      control: user
  - name: a known system's data decides that a person is notified
    at: tool_call
    expect: ask
    rules: [choice]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      args: {to: ann@example.org, body: hello}
      control: third_party
  - name: a person decides that a person is notified
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      args: {to: ann@example.org, body: hello}
      control: user
  - name: trusted content alone is no choice
    at: tool_call
    expect: ask
    rules: [nothing_chosen]
    facts:
      tool: {name: create_event, effects: true, sinks: {title: content}}
      node: {id: helper, kind: agent}
      args: {title: lunch}
      labels: {$: user}
      context: third_party
  - name: the rule of two with a known system's data
    at: tool_call
    expect: ask
    rules: [rule_of_two]
    facts:
      tool: {name: send_mail, effects: true, sinks: {to: recipient, body: content}}
      node: {id: helper, kind: agent}
      args: {to: ann@example.org, body: hello}
      labels: {$: user}
      context: third_party class:pii class:own
  - name: an effect without arguments
    at: tool_call
    expect: allow
    rules: [allowed]
    facts:
      tool: {name: close_door, effects: true}
  - name: a tool without effects reads what a page says
    at: tool_call
    expect: allow
    facts:
      tool: {name: search}
      args: {words: anything}
      labels: {$: web}
  - name: a reader of the data
    at: read
    expect: allow
    facts: {reader: ann, label: "user reader:ann"}
  - name: a group of readers
    at: read
    expect: allow
    facts: {reader: {id: bob, groups: [staff]}, label: "user reader:staff"}
  - name: another reader
    at: read
    expect: deny
    rules: [may_read]
    facts: {reader: eve, label: "user reader:ann"}
  - name: data without readers
    at: read
    expect: allow
    facts: {reader: eve, label: web}
"""
