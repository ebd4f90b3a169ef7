"""The catalogue of rules: one file a rule, in the order in which a cause outranks its symptoms."""

from __future__ import annotations

from wsdoctor.diagnosis.rule import Rule
from wsdoctor.diagnosis.rules import (
    wsd001_app_failed_to_start,
    wsd002_handshake_refused,
    wsd003_script_not_reached,
    wsd101_close_after_disconnect,
    wsd102_send_after_disconnect,
    wsd103_message_after_close,
    wsd104_receive_after_disconnect,
    wsd105_concurrent_receive,
    wsd106_no_handshake_reply,
    wsd107_invalid_close,
    wsd201_unhandled_disconnect,
    wsd202_disconnect_in_exception_group,
    wsd203_error_in_cleanup,
    wsd204_disconnect_unobserved,
    wsd205_cleanup_skipped,
    wsd206_cleanup_interrupted,
    wsd207_error_in_callback,
    wsd301_orphan_task,
    wsd302_unretrieved_task_exception,
    wsd303_task_destroyed_pending,
    wsd304_unclosed_async_generator,
    wsd305_connection_leaked,
    wsd306_orphan_thread,
    wsd307_lock_left_held,
    wsd308_process_left,
    wsd309_resource_left,
    wsd401_slow_teardown,
    wsd402_handler_hangs,
    wsd403_shutdown_blocked,
    wsd404_event_loop_blocked,
    wsd405_bystander_harmed,
    wsd406_reconnect_harmed,
    wsd407_process_died,
    wsd501_cancelled_error_escapes,
    wsd502_cancellation_swallowed,
    wsd601_client_data_discarded,
    wsd602_wrong_close_code,
    wsd603_error_hidden_by_framework,
    wsd801_servers_diverge,
    wsd802_server_error,
)

BY_RANK: tuple[Rule, ...] = tuple(
    module.RULE
    for module in (
        wsd001_app_failed_to_start,
        wsd407_process_died,
        wsd404_event_loop_blocked,
        wsd002_handshake_refused,
        wsd105_concurrent_receive,
        wsd104_receive_after_disconnect,
        wsd202_disconnect_in_exception_group,
        wsd201_unhandled_disconnect,
        wsd501_cancelled_error_escapes,
        wsd101_close_after_disconnect,
        wsd102_send_after_disconnect,
        wsd103_message_after_close,
        wsd106_no_handshake_reply,
        wsd107_invalid_close,
        wsd203_error_in_cleanup,
        wsd603_error_hidden_by_framework,
        wsd602_wrong_close_code,
        wsd601_client_data_discarded,
        wsd405_bystander_harmed,
        wsd406_reconnect_harmed,
        wsd204_disconnect_unobserved,
        wsd402_handler_hangs,
        wsd403_shutdown_blocked,
        wsd502_cancellation_swallowed,
        wsd401_slow_teardown,
        wsd206_cleanup_interrupted,
        wsd205_cleanup_skipped,
        wsd301_orphan_task,
        wsd302_unretrieved_task_exception,
        wsd207_error_in_callback,
        wsd303_task_destroyed_pending,
        wsd304_unclosed_async_generator,
        wsd307_lock_left_held,
        wsd308_process_left,
        wsd309_resource_left,
        wsd306_orphan_thread,
        wsd305_connection_leaked,
        wsd801_servers_diverge,
        wsd802_server_error,
        wsd003_script_not_reached,
    )
)

RULES: dict[str, Rule] = {rule.code: rule for rule in sorted(BY_RANK, key=lambda rule: rule.code)}
"""Every rule, by code."""

RANK: dict[str, int] = {rule.code: rank for rank, rule in enumerate(BY_RANK)}


def find_rule(code_or_name: str) -> Rule | None:
    """The rule with that code (in any case) or name."""
    wanted = code_or_name.strip()
    return RULES.get(wanted.upper()) or next(
        (rule for rule in BY_RANK if rule.name == wanted.lower()), None
    )
