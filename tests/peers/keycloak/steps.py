"""The steps of docs/operating.md, "Keycloak as identity provider": each function is the step of that name.

Whoever changes a step changes both; the check `operating` compares the names, their order and what comes of them.
"""

from dataclasses import dataclass

from keycloak import Realm

WEB_ORIGIN = "http://meet.test"
CALL_IN_ROLE = "opentalk-call-in"
RECORDER_ROLE = "opentalk-recorder"
# Which attributes of people hold what, and the claims that they become.
CLAIMS = ("tenant_id", "tariff_id", "tariff_status")


@dataclass
class Client:
    """A client of a realm, as those know it who use it."""

    realm: Realm
    id: str
    uuid: str
    redirect_uri: str = f"{WEB_ORIGIN}/auth/callback"
    secret: str = None

    def secret_field(self):
        return {"client_secret": self.secret} if self.secret else {}

    def change(self, **fields):
        self.realm.change(f"/clients/{self.uuid}", **fields)


def realm(keycloak, name):
    """Realm"""
    keycloak.admin("POST", "", {"realm": name, "enabled": True})
    return keycloak.realm(name)


def addresses(realm):
    """Addresses"""
    realm.admin("PUT", "", {"verifyEmail": True})


def languages(realm):
    """Languages"""
    realm.admin("PUT", "", {"internationalizationEnabled": True, "supportedLocales": ["en", "de"], "defaultLocale": "en"})


def attributes(realm):
    """Attributes"""
    profile = realm.admin("GET", "/users/profile")
    # Who may write an attribute can give himself what it stands for.
    editors = dict.fromkeys(CLAIMS, ["admin"]) | {"phoneNumber": ["admin"], "nickname": ["admin", "user"]}
    for name, edit in editors.items():
        permissions = {"view": ["admin", "user"], "edit": edit}
        profile["attributes"].append({"name": name, "displayName": name, "permissions": permissions})
    # Absent is "disabled": nobody has attributes that are not declared.
    profile.pop("unmanagedAttributePolicy", None)
    realm.admin("PUT", "/users/profile", profile)


def web_client(realm, logout_url, name="Frontend"):
    """Web client"""
    attributes = {"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": f"{WEB_ORIGIN}/*"}
    if logout_url:
        attributes |= {"backchannel.logout.url": logout_url, "backchannel.logout.session.required": "true"}
    uuid = realm.admin("POST", "/clients", {
        "clientId": name, "protocol": "openid-connect", "publicClient": True,
        "standardFlowEnabled": True, "directAccessGrantsEnabled": False, "implicitFlowEnabled": False,
        "redirectUris": [f"{WEB_ORIGIN}/*"], "webOrigins": [WEB_ORIGIN],
        "fullScopeAllowed": False, "attributes": attributes,
    })
    return Client(realm, name, uuid)


def scopes(client):
    """Scopes"""
    phone = client.realm.one("/client-scopes", "name", "phone")
    client.realm.admin("DELETE", f"/clients/{client.uuid}/optional-client-scopes/{phone['id']}")
    client.realm.admin("PUT", f"/clients/{client.uuid}/default-client-scopes/{phone['id']}")


def groups_tenant_and_tariff(client, places=("access", "userinfo")):
    """Groups, tenant, tariff"""
    for name in ("x_grp", *CLAIMS):
        add_mapper(client, name, places)


def add_mapper(client, claim, places):
    """A mapper of the client's own scope; `places` of access, id and userinfo are the tokens that get the claim."""
    config = {"claim.name": claim} | {f"{place}.token.claim": str(place in places).lower() for place in ("access", "id", "userinfo")}
    if claim == "x_grp":
        kind, more = "oidc-group-membership-mapper", {"full.path": "false"}
    else:
        kind, more = "oidc-usermodel-attribute-mapper", {"user.attribute": claim, "jsonType.label": "String"}
    mapper = {"name": claim, "protocol": "openid-connect", "protocolMapper": kind, "config": config | more}
    return client.realm.admin("POST", f"/clients/{client.uuid}/protocol-mappers/models", mapper)


def audience(client, name):
    """Audience"""
    config = {"included.custom.audience": name, "access.token.claim": "true", "id.token.claim": "false"}
    client.realm.admin("POST", f"/clients/{client.uuid}/protocol-mappers/models", {
        "name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper", "config": config,
    })


def further_client(realm, name):
    """Further clients"""
    uuid = realm.admin("POST", "/clients", {
        "clientId": name, "protocol": "openid-connect", "publicClient": True, "standardFlowEnabled": True,
        "directAccessGrantsEnabled": False, "redirectUris": [f"{WEB_ORIGIN}/*"], "fullScopeAllowed": False,
        "attributes": {"pkce.code.challenge.method": "S256"},
    })
    return Client(realm, name, uuid)


def confidential_client(realm, name, role=None):
    """Gateways and recorders"""
    if role is not None and role not in [there["name"] for there in realm.admin("GET", "/roles")]:
        # A role must be there before somebody can have it.
        realm.admin("POST", "/roles", {"name": role})
    # "Full scope allowed" stays on: without it the role would be in no token.
    uuid = realm.admin("POST", "/clients", {
        "clientId": name, "protocol": "openid-connect", "publicClient": False, "serviceAccountsEnabled": True,
        "standardFlowEnabled": False, "directAccessGrantsEnabled": False, "fullScopeAllowed": True,
    })
    client = Client(realm, name, uuid, secret=realm.admin("GET", f"/clients/{uuid}/client-secret")["value"])
    if role is not None:
        realm.admin("POST", f"/users/{account_of(client)}/role-mappings/realm", [realm.admin("GET", f"/roles/{role}")])
    return client


def account_of(client):
    """The id of a client's service account: the `sub` of its tokens."""
    return client.realm.admin("GET", f"/clients/{client.uuid}/service-account-user")["id"]


def directory(realm):
    """Searching people"""
    client = confidential_client(realm, "colloquy-search")
    management = realm.one("/clients?clientId=realm-management", "clientId", "realm-management")["id"]
    role = realm.admin("GET", f"/clients/{management}/roles/view-users")
    realm.admin("POST", f"/users/{account_of(client)}/role-mappings/clients/{management}", [role])
    return client


STEPS = (realm, addresses, languages, attributes, web_client, scopes, groups_tenant_and_tariff, audience, further_client,
         confidential_client, directory)
