"""What the hub writes on its pods and Secrets, so that it knows them again.

All are labels but the last, an annotation.
"""

HUB = "jhub-gateway/hub"
DATABASE = "jhub-gateway/database"
OWNER = "jhub-gateway/owner"
START_ID = "jhub-gateway/start-id"
