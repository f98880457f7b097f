"""Local files as URLs that the provider can read: its own temporary storage, 48 hours, one account and model.

Source: Alibaba Cloud Model Studio, "Upload a local file to obtain a temporary URL", read 2026-11.
"""

from __future__ import annotations

from pathlib import Path

import httpx

_TIMEOUT_SECONDS = 30.0


def upload(path: Path, *, model: str, base_url: str, api_key: str) -> str:
    """Bring a file to the provider's temporary storage.

    Args:
        path: The file.
        model: The only model that will be able to read it.
        base_url: Scheme and host of the provider.
        api_key: The only account that will be able to read it.

    Returns:
        Its ``oss://`` URL.

    Raises:
        httpx.HTTPError: The provider did not take it.
    """
    with httpx.Client(trust_env=False, timeout=_TIMEOUT_SECONDS) as http:
        answer = http.get(
            f"{base_url}/api/v1/uploads",
            params={"action": "getPolicy", "model": model},
            headers={"Authorization": f"Bearer {api_key}"},
        )
        policy = answer.raise_for_status().json()["data"]
        key = f"{policy['upload_dir']}/{path.name}"
        form = {
            "OSSAccessKeyId": policy["oss_access_key_id"],
            "Signature": policy["signature"],
            "policy": policy["policy"],
            "key": key,
            "x-oss-object-acl": policy["x_oss_object_acl"],
            "x-oss-forbid-overwrite": policy["x_oss_forbid_overwrite"],
            "success_action_status": "200",
        }
        http.post(policy["upload_host"], data=form, files={"file": path.read_bytes()}).raise_for_status()
    return f"oss://{key}"
